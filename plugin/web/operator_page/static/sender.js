/** Sends a confirmation under one id until the server answers; the id makes repeats harmless. */

import { NoResponse } from "./server.js";

const WAITS = [500, 1000, 2000, 4000, 8000, 15000];
/** Statuses that pass by themselves: sent again. */
const AGAIN = new Set([408, 429, 500, 502, 503, 504]);

export class Sender {
  /** `on.accepted(body, answer)`, `on.decidedOtherwise(foresight)`, `on.waiting(why)`, `on.refused(status, error)`. */
  constructor(server, on) {
    this._server = server;
    this._on = on;
    this._body = null;
    this._busy = false;
    this._failures = 0;
    this._timer = null;
    addEventListener("online", () => this.now());
  }

  send(body) {
    this._body = body;
    this._failures = 0;
    this.now();
  }

  get isWaiting() {
    return Boolean(this._body);
  }

  /** Stop sending: another tab has finished it. */
  drop() {
    this._body = null;
    clearTimeout(this._timer);
  }

  async now() {
    if (!this._body || this._busy) return;
    clearTimeout(this._timer);
    const body = this._body;
    this._busy = true;
    let response;
    try {
      response = await this._server.ask("POST", "confirm", { body });
    } catch (error) {
      if (!(error instanceof NoResponse)) throw error;
    } finally {
      this._busy = false;
    }
    if (this._body === body) this._handle(body, response);
  }

  _handle(body, response) {
    if (!response || AGAIN.has(response.status)) {
      this._retryLater(response ? "busy" : "offline");
    } else if (response.status === 200 || response.status === 202) {
      this._body = null;
      this._on.accepted(body, response.body);
    } else if (response.status === 409 && response.body.foresight) {
      this._body = null;
      this._on.decidedOtherwise(response.body.foresight);
    } else if (response.status === 401 || response.status === 403) {
      this._retryLater("signed out");
    } else {
      this._body = null;
      this._on.refused(response.status, response.body.error ?? {});
    }
  }

  _retryLater(why) {
    const wait = WAITS[Math.min(this._failures, WAITS.length - 1)];
    this._failures += 1;
    this._on.waiting(why);
    this._timer = setTimeout(() => this.now(), wait);
  }
}
