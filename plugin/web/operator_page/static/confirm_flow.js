/** The end of a call: previewed by the server, confirmed by the operator, followed until it is written. */

import * as conversation from "./conversation.js";
import { afterPaint } from "./dom.js";
import { previewedEnding, isSame } from "./endings.js";
import { NoResponse, newId } from "./server.js";
import { Renderer } from "./render.js";

/** Previews, confirms and follows the end of a call; `Page` in main.js extends this with the log. */
export class ConfirmFlow extends Renderer {
  resetMoment() {
    this.handover = null;
    this.again = false;
    this.exact = null;
    this.changed = false;
    this.asking = null;
    this.sendingWhy = null;
    this.progress = null;
    this.progressLost = false;
    this.correcting = false;
  }

  confirmation() {
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
    // A second Enter meant for the screen before must not confirm an end that the operator has not seen yet.
    if (this.screen !== "ending" || this.stood < 400) return;
    if (this.lacking) {
      this.openClient();
      return;
    }
    this.pending = this.confirmation();
    if (!this.ending.complete) this.pending.why = this.handover ?? "by_hand";
    this.store();
    this.sendingWhy = null;
    this.render();
    this.sender.send(this.pending);
  }

  accepted(body, answer) {
    this.pending = null;
    const outcome = answer.decision?.outcome ?? null;
    const event = body.id;
    this.resetMoment();
    if (body.shown.outcome === null) this.record({ kind: "unfinished", event, why: body.why ?? "by_hand" });
    else this.record({ kind: "confirmed", event, outcome, words: body.label ?? outcome });
    this.render();
  }

  decidedOtherwise(answer) {
    this.pending = null;
    this.store();
    this.exact = previewedEnding(answer);
    this.changed = true;
    this.handover = this.exact.complete ? null : (this.handover ?? "by_hand");
    this.render();
  }

  waitToSend(why) {
    this.sendingWhy = why;
    if (this.screen === "sending") this.renderStage(false);
    this.showConnection(this.session.ended ? "signed out" : why === "busy" ? "busy" : "offline");
  }

  refused(status, error) {
    this.pending = null;
    this.store();
    this.render();
    if (error.code === "number_needed") {
      this.openClient(error.fields);
      return;
    }
    if (error.code === "bad_name") {
      const words = Object.values(error.fields ?? {}).flat().join(" ");
      this.notice("refused", `${words} Вернитесь к этому шагу и исправьте ответ.`, "bad");
      return;
    }
    const fields = Object.keys(error.fields ?? {}).join(", ");
    this.notice("refused", `Сервер не принял подтверждение (${error.code ?? status}${fields ? `: ${fields}` : ""}). Передайте решение координатору и скажите администратору.`, "bad");
  }

  /** Ask the server exactly what will be written; until it answers, the page shows its own reckoning. */
  async askPreview() {
    const asked = (this.asked = {});
    await new Promise(afterPaint);
    if (this.asked !== asked || this.screen !== "ending") return;
    const own = this.ending;
    const body = this.confirmation();
    try {
      const { status, body: answer } = await this.server.ask("POST", "foresee", { body });
      if (this.asked !== asked || this.screen !== "ending" || status !== 200) return;
      const exact = previewedEnding(answer);
      if (!isSame(exact, own)) {
        this.decidedOtherwise(answer);
        return;
      }
      if (!exact.complete) exact.label = own.label;
      this.exact = exact;
      this.renderStage(false);
    } catch (error) {
      if (!(error instanceof NoResponse)) throw error;
    }
  }

  /** Ask for progress soon, but not all pages at once: other operators may be confirming in this moment. */
  scheduleProgress() {
    clearTimeout(this.progressTimer);
    this.progressTimer = setTimeout(() => this.followProgress(), 150 + 250 * Math.random());
  }

  /** Ask how far the deliveries have got, until nothing changes any more. */
  async followProgress(since = performance.now()) {
    const end = conversation.ended(this.log);
    clearTimeout(this.progressTimer);
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
        this.localStore.clear();
        return;
      }
    } catch (error) {
      if (!(error instanceof NoResponse)) throw error;
      this.progressLost = true;
      if (this.screen === "done") this.renderStage(false);
    }
    if (this.progress?.over) {
      this.finish();
      return;
    }
    const wait = performance.now() - since < 60000 ? 1000 : 5000;
    this.progressTimer = setTimeout(() => this.followProgress(since), wait);
  }

  /** Once the server has everything, nothing stays in the browser. */
  finish() {
    if (this.screen === "done" && this.saver.isClean) this.localStore.clear();
  }
}
