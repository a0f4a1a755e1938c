/** Saves the journal in the background: one request at a time, the newest state last, repeated until it succeeds. */

import { afterPaint } from "./dom.js";
import { NoResponse } from "./server.js";

const WAITS = [1000, 2000, 4000, 8000, 15000];

export class Saver {
  /**
   * `state()`: what to save, `{seq, …}` with the next number, or null where there is nothing.
   * `on.saved(seq)`, `on.elsewhere(trail)` (another window went on), `on.offline()`, `on.refused(status)`.
   */
  constructor(server, state, on) {
    this._server = server;
    this._state = state;
    this._on = on;
    this._busy = false;
    this._dirty = false;
    this._failures = 0;
    this._timer = null;
    addEventListener("online", () => this._sendIfDirty());
    addEventListener("pagehide", () => this._sendOnLeave());
  }

  get isClean() {
    return !this._dirty && !this._busy;
  }

  /** Whether answers could not be saved yet, although it was tried. */
  get isFailing() {
    return this._failures > 0;
  }

  /** Try again now. */
  now() {
    this._sendIfDirty();
  }

  save() {
    this._dirty = true;
    // The next phrase first.
    afterPaint(() => this._sendIfDirty());
  }

  async _send() {
    clearTimeout(this._timer);
    this._timer = null;
    const body = this._state();
    if (!body) {
      this._dirty = false;
      return;
    }
    this._busy = true;
    this._dirty = false;
    try {
      const { status, body: answer } = await this._server.ask("PUT", "trail", { body });
      this._busy = false;
      if (status === 200) {
        this._failures = 0;
        this._on.saved(body.seq);
      } else if (status === 409 && answer.trail) {
        this._failures = 0;
        this._on.elsewhere(answer.trail);
      } else {
        this._dirty = true;
        this._on.refused(status);
        this._retryLater();
        return;
      }
    } catch (error) {
      if (!(error instanceof NoResponse)) throw error;
      this._busy = false;
      this._dirty = true;
      this._on.offline();
      this._retryLater();
      return;
    }
    if (this._dirty) this._send();
  }

  _retryLater() {
    const wait = WAITS[Math.min(this._failures, WAITS.length - 1)];
    this._failures += 1;
    this._timer = setTimeout(() => this._send(), wait);
  }

  _sendIfDirty() {
    if (this._dirty && !this._busy) this._send();
  }

  _sendOnLeave() {
    const body = this._dirty || this._busy ? this._state() : null;
    if (body) this._server.ask("PUT", "trail", { body, last: true }).catch(() => {});
  }
}
