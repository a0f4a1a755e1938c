/** Asks the server; knows its clock. Where no answer comes, raises NoAnswer. */

const TIMEOUT = 12000;

export class NoAnswer extends Error {}

export class Server {
  /** `data`: what the page came with. */
  constructor(data) {
    this._csrf = data.csrf;
    this._root = data.root;
    this._call = data.call.id;
    this.heard(data.now);
  }

  /** The present by the server's clock: a machine whose clock is wrong must not date its answers wrongly. */
  now() {
    return new Date(this._moment + performance.now() - this._since);
  }

  heard(moment) {
    this._moment = Date.parse(moment);
    this._since = performance.now();
  }

  /** `{status, body}`; `last`: the page is being left. */
  async ask(method, path, { body, query = {}, last = false } = {}) {
    const asked = new URLSearchParams({ call: this._call, ...query });
    const headers = { "X-CSRF-Token": this._csrf };
    if (body) headers["Content-Type"] = "application/json";
    try {
      const response = await fetch(`${this._root}${path}?${asked}`, {
        method,
        headers,
        body: body && JSON.stringify(body),
        keepalive: last,
        cache: "no-store",
        signal: AbortSignal.timeout(TIMEOUT),
      });
      const answer = await response.json();
      if (answer.now) this.heard(answer.now);
      return { status: response.status, body: answer };
    } catch (error) {
      throw new NoAnswer(String(error));
    }
  }
}

/** A name that nobody else has; also where the page does not come over https. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
