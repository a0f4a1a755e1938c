/** Sends what was confirmed in other tabs and could not leave: any page of this browser sends what waits in it. */

import { WAITING_NOW, asText, counted } from "./words.js";
import { NoResponse, Server } from "./server.js";
import { stored, withState } from "./local_store.js";

const WAITS = [2000, 3000, 5000, 10000, 15000];
const DONE = new Set([200, 202]);
const AGAIN = new Set([408, 429, 500, 502, 503, 504]);

export class Outbox {
  /** `own`: the id of the page's own call, which sends by itself; `tell(name, words, kind)` shows a notice. */
  constructor(session, own, tell) {
    this._session = session;
    this._own = own;
    this._tell = tell;
    this._failures = 0;
    this._timer = null;
    this._busy = false;
    addEventListener("online", () => this.now());
    addEventListener("storage", () => this._look());
    session.onChange(() => session.ended || this.now());
  }

  /** The states of other calls that hold a confirmation. */
  get waiting() {
    return stored().filter(({ call, state }) => call !== this._own && state.pending && !state.refused);
  }

  async now() {
    clearTimeout(this._timer);
    if (this._busy) return;
    this._busy = true;
    let failed = false;
    for (const { call, state } of this.waiting) failed = !(await this._send(call, state)) || failed;
    this._busy = false;
    this._failures = failed ? this._failures + 1 : 0;
    this._look();
  }

  /** Tell how many wait, and come back for them. */
  _look() {
    const count = this.waiting.length;
    this._tell("waiting", count ? `${counted(count, WAITING_NOW)}. Не закрывайте вкладку: всё уйдёт само.` : null, "warn");
    clearTimeout(this._timer);
    if (count) this._timer = setTimeout(() => this.now(), WAITS[Math.min(this._failures, WAITS.length - 1)]);
  }

  /** Returns whether this one need not be sent again. */
  async _send(call, state) {
    const server = new Server(this._session, call, state.ticket);
    const body = state.pending;
    let response;
    try {
      response = await server.ask("POST", "confirm", { body });
    } catch (error) {
      if (!(error instanceof NoResponse)) throw error;
      return false;
    }
    if (DONE.has(response.status)) {
      await this._sent(server, call, state, response.body);
      return true;
    }
    if (AGAIN.has(response.status) || response.status === 401 || response.status === 403) return false;
    withState(call, (now) => ({ ...now, refused: true }));
    this._tell(`refused-${call}`, `Итог по звонку ${asText(state.about)} не принят: откройте этот звонок и подтвердите ещё раз.`, "bad");
    return true;
  }

  async _sent(server, call, state, answer) {
    const { pending } = state;
    const end = { at: pending.at, event: pending.id };
    const entry = pending.shown.outcome === null
      ? { ...end, kind: "unfinished", why: pending.why ?? "by_hand" }
      : { ...end, kind: "confirmed", outcome: answer.decision?.outcome ?? null, words: pending.label ?? "" };
    const log = [...state.log, entry];
    withState(call, (now) => (now?.pending?.id === pending.id ? { ...now, log, pending: null } : now));
    this._tell(`sent-${call}`, `Подтверждение по звонку ${asText(state.about)} ушло.`, "good");
    const { script, revision } = state;
    const body = { seq: (state.seq ?? 0) + 1, tab: "outbox", script, revision, note: pending.note, entries: log };
    try {
      // How the conversation went; its end is with the server already.
      const { status } = await server.ask("PUT", "trail", { body });
      if (status === 200) withState(call, () => null);
    } catch (error) {
      if (!(error instanceof NoResponse)) throw error;
    }
  }
}

/** Ask before the page is closed while `waits()`. */
export function askBeforeLeaving(waits) {
  addEventListener("beforeunload", (event) => {
    if (waits()) event.preventDefault();
  });
}
