/** Sends what was confirmed, again and again under the same id, until the server has answered: taken in once. */

import { NoAnswer } from "./server.js";

const WAITS = [500, 1000, 2000, 4000, 8000, 15000];
/** Nothing the operator could mend: sent again. */
const AGAIN = new Set([408, 429, 500, 502, 503, 504]);

export class Sender {
  /** `on.taken(body, answer)`, `on.otherwise(foresight)`, `on.waiting(why)`, `on.refused(status, error)`. */
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

  /** Another tab saw it through. */
  forget() {
    this._body = null;
    clearTimeout(this._timer);
  }

  async now() {
    if (!this._body || this._busy) return;
    clearTimeout(this._timer);
    const body = this._body;
    this._busy = true;
    let heard;
    try {
      heard = await this._server.ask("POST", "confirm", { body });
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    } finally {
      this._busy = false;
    }
    if (this._body === body) this._deal(body, heard);
  }

  _deal(body, heard) {
    if (!heard || AGAIN.has(heard.status)) {
      this._later(heard ? "busy" : "offline");
    } else if (heard.status === 200 || heard.status === 202) {
      this._body = null;
      this._on.taken(body, heard.body);
    } else if (heard.status === 409 && heard.body.foresight) {
      this._body = null;
      this._on.otherwise(heard.body.foresight);
    } else if (heard.status === 401 || heard.status === 403) {
      this._later("signed out");
    } else {
      this._body = null;
      this._on.refused(heard.status, heard.body.error ?? {});
    }
  }

  _later(why) {
    const wait = WAITS[Math.min(this._failures, WAITS.length - 1)];
    this._failures += 1;
    this._on.waiting(why);
    this._timer = setTimeout(() => this.now(), wait);
  }
}
