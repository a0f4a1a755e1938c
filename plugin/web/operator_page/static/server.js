/** Sends requests about a call and follows the server's clock. Raises NoResponse where no response comes. */

import { lacksSession } from "./session.js";

const TIMEOUT = 12000;

export class NoResponse extends Error {}

export class Server {
  /** `ticket`: the server's word for the call and its operator, by which others may send for them. */
  constructor(session, call, ticket) {
    this._session = session;
    this._call = call;
    this.ticket = ticket;
    this._minOffset = -Infinity;
    this._maxOffset = Infinity;
  }

  /** Follow the clock of the server, which said `moment` with the page. */
  startClock(moment) {
    const page = performance.getEntriesByType("navigation")[0];
    this._noteServerTime(moment, page?.requestStart ?? 0, page?.responseStart || performance.now());
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

  /** `{status, body}`; `last`: the page is being left. Sent again once with the session of whoever is signed in now. */
  async ask(method, path, options = {}) {
    const answer = await this._ask(method, path, options);
    if (!lacksSession(answer) || options.last || !(await this._session.renew())) return answer;
    return this._ask(method, path, options);
  }

  async _ask(method, path, { body, query = {}, last = false }) {
    const asked = new URLSearchParams({ call: this._call, ...query });
    const headers = { "X-CSRF-Token": this._session.csrf };
    if (body) headers["Content-Type"] = "application/json";
    if (body && this.ticket) headers["X-Page-Ticket"] = this.ticket;
    const askedAt = performance.now();
    try {
      const response = await fetch(`${this._session.root}${path}?${asked}`, {
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
