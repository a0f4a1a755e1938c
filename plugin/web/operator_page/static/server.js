/** Sends requests and follows the server's clock. Raises NoResponse where no response comes. */

const TIMEOUT = 12000;

export class NoResponse extends Error {}

export class Server {
  /** `data`: what the page came with. */
  constructor(data) {
    this._csrf = data.csrf;
    this._root = data.root;
    this._call = data.call.id;
    this._minOffset = -Infinity;
    this._maxOffset = Infinity;
    const page = performance.getEntriesByType("navigation")[0];
    this._noteServerTime(data.now, page?.requestStart ?? 0, page?.responseStart || performance.now());
  }

  /** The present by the server's clock: a machine whose clock is wrong must not date its answers wrongly. */
  now() {
    const own = Date.now() - performance.now();
    return new Date(Math.min(Math.max(own, this._minOffset), this._maxOffset) + performance.now());
  }

  /** The answer was dated between its request and its arrival; within that, this machine's clock is believed. */
  _noteServerTime(moment, asked, arrived) {
    const told = Date.parse(moment);
    this._minOffset = Math.max(this._minOffset, told - arrived);
    this._maxOffset = Math.min(this._maxOffset, told - asked);
    if (this._minOffset > this._maxOffset) {
      // The machine slept, and did not count it.
      this._minOffset = told - arrived;
      this._maxOffset = told - asked;
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
      if (answer.now) this._noteServerTime(answer.now, askedAt, arrived);
      return { status: response.status, body: answer };
    } catch (error) {
      throw new NoResponse(String(error));
    }
  }
}

/** A name that nobody else has; also where the page does not come over https. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
