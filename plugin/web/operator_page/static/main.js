/** The page of one call: what the operator does becomes the log, the log becomes the screen. */

import * as conversation from "./conversation.js";
import { Confirming } from "./confirming.js";
import { afterPaint } from "./dom.js";
import { endingOf } from "./endings.js";
import { listen } from "./keys.js";
import { Saver } from "./saver.js";
import { Sender } from "./sender.js";
import { NoAnswer, Server, newId } from "./server.js";
import { Shelf } from "./shelf.js";
import { byId } from "./showing.js";
import { localTime, plain, readTyped, spelt, warmUp } from "./texts.js";

const data = JSON.parse(document.getElementById("data").textContent);
const HOUR = 3600000;

class Page extends Confirming {
  constructor() {
    super(data);
    this.server = new Server(data);
    this.tab = newId();
    this.log = [];
    this.grafts = {};
    this.seq = data.trail?.seq ?? 0;
    this.pending = null;
    this.shown = performance.now();
    // What only this tab knows of the moment: handed over, asked again, the server's own ending, …
    this.forget();
    this.shelf = new Shelf(data.call.id, (state) => this.seeOther(state));
    this.saver = new Saver(this.server, () => this.saving(), {
      saved: (seq) => this.saved(seq),
      elsewhere: (trail) => this.seeElsewhere(trail),
      offline: () => this.tellLink("offline"),
      refused: (status) => this.tellLink(status === 401 || status === 403 ? "signed out" : "offline"),
    });
    this.sender = new Sender(this.server, {
      taken: (body, answer) => this.taken(body, answer),
      otherwise: (answer) => this.otherwise(answer),
      waiting: (why) => this.waitToSend(why),
      refused: (status, error) => this.refused(status, error),
    });
  }

  forget() {
    this.handover = null;
    this.again = false;
    this.exact = null;
    this.changed = false;
    this.asking = null;
    this.sendingWhy = null;
    this.progress = null;
    this.progressLost = false;
  }

  // --- beginning ----------------------------------------------------------------------------------

  begin() {
    const kept = this.shelf.get();
    const trail = data.trail;
    if (kept && kept.revision !== data.revision && !trail && kept.log.length && this.followRevision(kept.revision)) return;
    const useful = kept && kept.revision === data.revision ? kept : null;
    if (useful) this.grafts = useful.grafts ?? {};
    if (trail) this.log = trail.entries;
    if (useful && (!trail || conversation.isNewer(useful.log, trail.entries))) {
      this.log = useful.log;
      this.saver.save();
    }
    this.pending = kept?.pending ?? null;
    if (this.log.length && !this.pending && !conversation.ended(this.log)) {
      this.notice("resumed", "Разговор продолжен с того места, где остановился.");
    }
    this.wire();
    this.render();
    if (this.pending) this.sender.send(this.pending);
    this.tellLink("saved");
    afterPaint(() => warmUp(data.zone));
  }

  /** A call begun offline goes on by the rules it was begun with. */
  followRevision(revision) {
    const address = new URL(location.href);
    if (address.searchParams.get("revision")) return false;
    address.searchParams.set("revision", revision);
    location.replace(address);
    return true;
  }

  wire() {
    const note = byId("note");
    note.addEventListener("input", () => this.note(note.value));
    byId("other").addEventListener("close", () => this.otherClosed());
    byId("broken").addEventListener("close", () => this.brokenClosed());
    byId("other-text").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        byId("other").querySelector("button.main").click();
      }
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.look();
    });
    addEventListener("online", () => this.look());
    listen(this);
  }

  // --- what there is ------------------------------------------------------------------------------

  get answers() {
    return conversation.standing(this.log);
  }

  get place() {
    return conversation.walk(data.tree, this.grafts, this.answers);
  }

  /** What texts name: the call, the answers in words, the note, the times. */
  values(began) {
    const said = Object.fromEntries(this.answers.map((answer) => [`fact.${answer.fact}`, answer.words]));
    return {
      ...data.context,
      ...said,
      "call.note": this.wholeNote,
      "call.time": localTime(began, data.zone),
      deadline: localTime(new Date(began.getTime() + data.hours * HOUR), data.zone),
    };
  }

  get wholeNote() {
    const { steps, node } = this.place;
    const labels = Object.fromEntries(steps.map((step) => [step.node.fact, step.node.label]));
    if (node?.fact) labels[node.fact] = node.label;
    return conversation.wholeNote(this.log, labels, this.handover === "broken_off");
  }

  /** When the call was first reported, as far as this page knows: the promise runs from there. */
  get began() {
    const first = this.log.find((entry) => entry.kind === "answer");
    return first ? new Date(first.at) : this.server.now();
  }

  get ending() {
    if (this.exact) return this.exact;
    const began = this.began;
    const node = this.handover ? data.unfinished : this.place.node;
    return endingOf(node, data, this.values(began), began);
  }

  get screen() {
    if (this.pending) return "sending";
    if (conversation.ended(this.log)) return "done";
    if (this.handover) return "ending";
    const { node, asking } = this.place;
    if (asking) return "asking";
    if (node.fault) return "fault";
    return node.fact ? "question" : "ending";
  }

  // --- what the operator does ---------------------------------------------------------------------

  /** Add to the log, keep it, show it. */
  happened(entry, saveAfter = 0) {
    const last = this.log.length ? Date.parse(this.log[this.log.length - 1].at) : 0;
    const at = new Date(Math.max(this.server.now().getTime(), last + 1));
    this.log = [...this.log, { ...entry, at: at.toISOString() }];
    this.keep();
    clearTimeout(this.saveTimer);
    this.saveTimer = null;
    if (saveAfter) this.saveTimer = setTimeout(() => this.saveNow(), saveAfter);
    else this.saver.save();
    this.tellLink("saving");
  }

  keep() {
    this.shelf.put({
      revision: data.revision,
      script: data.script,
      log: this.log,
      grafts: this.grafts,
      pending: this.pending,
      tab: this.tab,
    });
  }

  answer(value, words) {
    const { node } = this.place;
    const asked = new Date(this.server.now().getTime() - (performance.now() - this.shown)).toISOString();
    this.forget();
    this.happened({ kind: "answer", q: node.q, fact: node.fact, value, words, asked });
    this.notice("resumed", null);
    this.render();
  }

  choose(place) {
    const offered = this.place.node?.answers?.[place];
    if (this.screen === "question" && offered) this.answer(offered.value, offered.label);
  }

  /** What is wrong with it, or null. */
  typed(text) {
    const { node } = this.place;
    try {
      const value = readTyped(node.input, text);
      this.answer(value, spelt(node.input.type, value));
      return null;
    } catch (error) {
      return error.message;
    }
  }

  back() {
    if (this.screen === "ending" && this.handover) {
      this.forget();
      this.render();
      return;
    }
    const last = this.answers.at(-1);
    if (last && this.screen !== "sending" && this.screen !== "done") this.backTo(last.fact);
  }

  backTo(fact) {
    if (this.pending) return;
    this.forget();
    this.happened({ kind: "back", fact });
    this.render();
  }

  note(text) {
    const fact = this.place.node?.fact ?? null;
    const last = this.log.at(-1);
    if (last?.kind === "note" && last.fact === fact) this.log = this.log.slice(0, -1);
    this.happened({ kind: "note", fact, text: text.slice(0, 2000) }, 600);
    this.exact = null;
    if (this.screen === "ending") {
      clearTimeout(this.noteTimer);
      this.noteTimer = setTimeout(() => this.renderStage(false), 400);
    }
  }

  openOther() {
    if (this.screen !== "question") return;
    byId("other-text").value = "";
    byId("other").returnValue = "";
    byId("other").showModal();
    byId("other-text").focus();
  }

  otherClosed() {
    const choice = byId("other").returnValue;
    const text = plain(byId("other-text").value);
    if (!text || !["again", "handover"].includes(choice)) {
      this.focusStage();
      return;
    }
    const { node } = this.place;
    this.happened({ kind: "other", q: node.q, fact: node.fact, text });
    if (choice === "handover") {
      this.handOver("by_hand");
    } else {
      this.again = true;
      this.render();
    }
  }

  openBroken() {
    if (!["question", "ending", "asking", "fault"].includes(this.screen)) return;
    byId("broken").returnValue = "";
    byId("broken").showModal();
  }

  brokenClosed() {
    const choice = byId("broken").returnValue;
    if (choice === "handover") {
      this.handOver("broken_off");
      return;
    }
    if (choice === "later") {
      this.notice("resumed", "Ответы сохранены. Когда дозвонитесь, продолжайте с этого места.");
    }
    this.focusStage();
  }

  handOver(why) {
    this.forget();
    this.handover = why;
    this.render();
  }

  resume() {
    if (!conversation.ended(this.log)) return;
    this.forget();
    this.happened({ kind: "resumed" });
    this.render();
  }

  // --- where only the server knows what comes next ----------------------------------------------

  /** The next phrase, where only the server knows it. */
  async askNext() {
    const answers = this.place.steps.map((step) => step.answer);
    const known = conversation.graftKey(answers);
    const asked = (this.asked = {});
    this.asking ??= { failed: false, fault: null };
    let heard;
    try {
      const body = { script: data.script, revision: data.revision, facts: conversation.factsOf(answers) };
      heard = await this.server.ask("POST", "next", { body });
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    }
    if (this.asked !== asked || this.screen !== "asking") return;
    if (heard?.status === 200) {
      this.grafts = { ...this.grafts, [known]: heard.body.tree };
      this.asking = null;
      this.keep();
      this.render();
    } else if (heard?.status === 422) {
      const words = Object.values(heard.body.error?.fields ?? {})[0];
      this.asking = { failed: true, fault: words ? words.join(". ") : "Такой ответ скрипту не подходит" };
      this.renderStage();
    } else {
      const first = !this.asking.failed;
      this.asking = { failed: true, fault: null };
      if (first) this.renderStage();
      clearTimeout(this.nextTimer);
      this.nextTimer = setTimeout(() => this.screen === "asking" && this.askNext(), 3000);
    }
  }

  retry() {
    if (this.screen === "asking") this.askNext();
  }

  // --- saving, and other windows ------------------------------------------------------------------

  saving() {
    if (!this.log.length) return null;
    this.seq += 1;
    return {
      seq: this.seq,
      tab: this.tab,
      script: data.script,
      revision: data.revision,
      note: this.wholeNote,
      entries: this.log,
    };
  }

  saveNow() {
    this.saveTimer = null;
    this.saver.save();
  }

  /** What happened while an earlier state was on its way is not saved yet. */
  saved() {
    if (this.saver.isClean && !this.saveTimer) this.tellLink("saved");
    if (this.progress?.over) this.finish();
  }

  /** Another tab of this browser did something: both show the same. */
  seeOther(state) {
    if (state.tab === this.tab || state.revision !== data.revision) return;
    const newer = conversation.isNewer(state.log, this.log);
    if (newer) this.log = state.log;
    this.grafts = { ...state.grafts, ...this.grafts };
    if (this.pending && !state.pending) this.sender.forget();
    this.pending = state.pending;
    if (newer || state.pending) this.adopted("Этот звонок открыт ещё в одной вкладке и продолжен там: здесь показано то же самое.");
  }

  /** Another window, perhaps on another machine, saved something that this one has not seen. */
  seeElsewhere(trail) {
    this.seq = trail.seq;
    if (conversation.isNewer(trail.entries, this.log)) {
      this.log = trail.entries;
      this.adopted(`Этот звонок продолжен в другом окне${trail.operator ? ` (${trail.operator})` : ""}: здесь показано то же самое.`);
      this.keep();
      this.tellLink("saved");
    } else {
      this.saver.save();
    }
  }

  adopted(words) {
    if (!this.pending) this.forget();
    this.notice("resumed", words, "warn");
    this.render();
  }

  /** Back after a while: perhaps the call went on elsewhere. */
  async look() {
    if (this.pending) {
      this.sender.now();
      return;
    }
    try {
      const { status, body } = await this.server.ask("GET", "trail");
      if (status === 200 && body.trail && body.trail.seq > this.seq) this.seeElsewhere(body.trail);
      if (status === 200 && this.saver.isClean) this.tellLink("saved");
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    }
  }
}

new Page().begin();
