/** The end of a call: foreseen by the server, confirmed by the operator, followed until it is written. */

import * as conversation from "./conversation.js";
import { afterPaint } from "./dom.js";
import { foreseen, isSame } from "./endings.js";
import { NoAnswer, newId } from "./server.js";
import { Showing } from "./showing.js";

/** What becomes of an end. What has happened until then is the page's, which this is a part of. */
export class Confirming extends Showing {
  confirming() {
    const facts = conversation.factsToReport(this.log);
    const { shown } = this.ending;
    return {
      id: newId(),
      at: this.server.now().toISOString(),
      script: this.data.script,
      revision: this.data.revision,
      facts,
      note: this.wholeNote,
      shown,
      why: this.handover,
      label: this.ending.label,
    };
  }

  confirm() {
    // Whoever pressed Enter for the answer before must have seen what this Enter confirms.
    if (this.screen !== "ending" || performance.now() - this.shown < 400) return;
    this.pending = this.confirming();
    if (!this.ending.complete) this.pending.why = this.handover ?? "by_hand";
    this.keep();
    this.sendingWhy = null;
    this.render();
    this.sender.send(this.pending);
  }

  taken(body, answer) {
    this.pending = null;
    const outcome = answer.decision?.outcome ?? null;
    const event = body.id;
    this.forget();
    if (body.shown.outcome === null) this.happened({ kind: "unfinished", event, why: body.why ?? "by_hand" });
    else this.happened({ kind: "confirmed", event, outcome, words: body.label ?? outcome });
    this.render();
  }

  otherwise(answer) {
    this.pending = null;
    this.keep();
    this.exact = foreseen(answer);
    this.changed = true;
    this.handover = this.exact.complete ? null : (this.handover ?? "by_hand");
    this.render();
  }

  waitToSend(why) {
    this.sendingWhy = why;
    if (this.screen === "sending") this.renderStage(false);
    this.tellLink(why === "signed out" ? "signed out" : "offline");
  }

  refused(status, error) {
    this.pending = null;
    this.keep();
    this.render();
    const fields = Object.keys(error.fields ?? {}).join(", ");
    this.notice("refused", `Сервер не принял подтверждение (${error.code ?? status}${fields ? `: ${fields}` : ""}). Передайте решение координатору и скажите администратору.`, "bad");
  }

  /** What will be written, exactly; until it comes, the page shows what it knows itself. */
  async foresee() {
    const asked = (this.asked = {});
    await new Promise(afterPaint);
    if (this.asked !== asked || this.screen !== "ending") return;
    const own = this.ending;
    const body = this.confirming();
    try {
      const { status, body: answer } = await this.server.ask("POST", "foresee", { body });
      if (this.asked !== asked || this.screen !== "ending" || status !== 200) return;
      const exact = foreseen(answer);
      if (!isSame(exact, own)) {
        this.otherwise(answer);
        return;
      }
      if (!exact.complete) exact.label = own.label;
      this.exact = exact;
      this.renderStage(false);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    }
  }

  /** Look soon, but not all pages at once: the others may be confirming just now. */
  startWatching() {
    clearTimeout(this.watchTimer);
    this.watchTimer = setTimeout(() => this.watch(), 150 + 250 * Math.random());
  }

  /** How far what was confirmed has got; asked until nothing changes any more. */
  async watch(since = performance.now()) {
    const end = conversation.ended(this.log);
    clearTimeout(this.watchTimer);
    if (!end || this.progress?.over) {
      this.finish();
      return;
    }
    try {
      const { status, body } = await this.server.ask("GET", "progress", { query: { event: end.event } });
      if (conversation.ended(this.log)?.event !== end.event) return;
      const lost = status !== 200;
      const next = status === 200 ? body.progress : this.progress;
      if (lost !== this.progressLost || JSON.stringify(next) !== JSON.stringify(this.progress)) {
        this.progressLost = lost;
        this.progress = next;
        this.renderStage(false);
      }
      if (status === 200 && !body.progress) {
        this.shelf.clear();
        return;
      }
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      this.progressLost = true;
      if (this.screen === "done") this.renderStage(false);
    }
    if (this.progress?.over) {
      this.finish();
      return;
    }
    const wait = performance.now() - since < 60000 ? 1000 : 5000;
    this.watchTimer = setTimeout(() => this.watch(since), wait);
  }

  /** The server has it all: nothing stays in the browser. */
  finish() {
    if (this.screen === "done" && this.saver.isClean) this.shelf.clear();
  }
}
