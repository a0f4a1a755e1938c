/** Asks the server; knows its clock. Where no answer comes, raises NoAnswer. */

const TIMEOUT = 12000;

export class NoAnswer extends Error {}

export class Server {
  /** `data`: what the page came with. */
  constructor(data) {
    this._csrf = data.csrf;
    this._root = data.root;
    this._call = data.call.id;
    this._least = -Infinity;
    this._most = Infinity;
    const page = performance.getEntriesByType("navigation")[0];
    this._heard(data.now, page?.requestStart ?? 0, page?.responseStart || performance.now());
  }

  /** The present by the server's clock: a machine whose clock is wrong must not date its answers wrongly. */
  now() {
    const own = Date.now() - performance.now();
    return new Date(Math.min(Math.max(own, this._least), this._most) + performance.now());
  }

  /** The answer was dated between its request and its arrival; within that, this machine's clock is believed. */
  _heard(moment, asked, arrived) {
    const told = Date.parse(moment);
    this._least = Math.max(this._least, told - arrived);
    this._most = Math.min(this._most, told - asked);
    if (this._least > this._most) {
      // The machine slept, and did not count it.
      this._least = told - arrived;
      this._most = told - asked;
    }
  }

  /** `{status, body}`; `last`: the page is being left. */
  async ask(method, path, { body, query = {}, last = false } = {}) {
    const asked = new URLSearchParams({ call: this._call, ...query });
    const headers = { "X-CSRF-Token": this._csrf };
    if (body) headers["Content-Type"] = "application/json";
    const askedAt = performance.now();
    try {
      const response = await fetch(`${this._root}${path}?${asked}`, {
        method,
        headers,
        body: body && JSON.stringify(body),
        keepalive: last,
        cache: "no-store",
        signal: AbortSignal.timeout(TIMEOUT),
      });
      const arrived = performance.now();
      const answer = await response.json();
      if (answer.now) this._heard(answer.now, askedAt, arrived);
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
