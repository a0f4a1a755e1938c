/** The page of one call: the operator's actions are appended to the log, and the log is rendered. */

import * as conversation from "./conversation.js";
import { Dialogs } from "./dialogs.js";
import { afterPaint } from "./dom.js";
import { endingOf } from "./endings.js";
import { listen } from "./keys.js";
import { followSize } from "./layout.js";
import { notice } from "./notices.js";
import { Outbox, askBeforeLeaving } from "./outbox.js";
import { Saver } from "./saver.js";
import { Sender } from "./sender.js";
import { Session } from "./session.js";
import { NoResponse, Server, newId } from "./server.js";
import { LocalStore } from "./local_store.js";
import { byId } from "./render.js";
import { localTime, readTyped, spelt, warmUp } from "./texts.js";

const data = JSON.parse(document.getElementById("data").textContent);
const HOUR = 3600000;
/** A screen has been seen once it has stood for so many milliseconds. */
const SEEN_AFTER = 300;
/** So often a page that is only looked at asks whether another machine went on; milliseconds. */
const LOOK_AGAIN = 15000;

class Page extends Dialogs {
  constructor() {
    super(data);
    this.session = new Session(data);
    this.server = new Server(this.session, data.call.id, data.ticket);
    this.server.startClock(data.now);
    this.outbox = new Outbox(this.session, data.call.id, notice);
    this.tab = newId();
    this.log = [];
    this.grafts = {};
    this.seq = data.trail?.seq ?? 0;
    this.pending = null;
    this.shown = performance.now();
    // State of this tab alone: handed over, asked again, the server's preview, …
    this.resetMoment();
    this.localStore = new LocalStore(data.call.id, (state) => this.adoptFromTab(state));
    this.saver = new Saver(this.server, () => this.saving(), {
      saved: (seq) => this.saved(seq),
      elsewhere: (trail) => this.adoptFromServer(trail),
      offline: () => this.showConnection("offline"),
      refused: () => this.showConnection(this.session.ended ? "signed out" : "offline"),
    });
    this.sender = new Sender(this.server, {
      accepted: (body, answer) => this.accepted(body, answer),
      decidedOtherwise: (answer) => this.decidedOtherwise(answer),
      waiting: (why) => this.waitToSend(why),
      refused: (status, error) => this.refused(status, error),
    });
  }

  // --- beginning ----------------------------------------------------------------------------------

  begin() {
    const kept = this.localStore.get();
    const trail = data.trail;
    if (kept && kept.revision !== data.revision && !trail && kept.log.length && this.followRevision(kept.revision)) return;
    const useful = kept && kept.revision === data.revision ? kept : null;
    if (useful) this.grafts = useful.grafts ?? {};
    if (trail) this.log = trail.entries;
    if (useful && (!trail || conversation.isNewer(useful.log, trail.entries))) {
      this.log = useful.log;
      this.saver.save();
    }
    this.pending = kept?.refused ? null : (kept?.pending ?? null);
    if (this.log.length && !this.pending && !conversation.ended(this.log)) {
      this.notice("resumed", "Разговор продолжен с последнего вопроса.");
    }
    this.wire();
    this.render();
    if (this.pending) this.sender.send(this.pending);
    this.showConnection("saved");
    this.outbox.now();
    afterPaint(() => {
      warmUp(data.zone);
      // In the background: the first phrase does not wait for the CRM.
      this.lookUp();
    });
  }

  /** A call begun offline continues with the rules revision it was begun with. */
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
    this.wireDialogs();
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.refresh();
    });
    addEventListener("online", () => this.refresh());
    // Another machine may go on with the call while this one only shows it.
    setInterval(() => document.visibilityState === "visible" && this.screen !== "done" && this.refresh(), LOOK_AGAIN);
    askBeforeLeaving(() => this.pending || this.saver.isFailing || this.outbox.waiting.length > 0);
    followSize();
    this.wireSignIn();
    this.wireClient();
    listen(this);
  }

  // --- what there is ------------------------------------------------------------------------------

  get answers() {
    return conversation.currentAnswers(this.log);
  }

  get place() {
    return conversation.walk(data.tree, this.grafts, this.answers);
  }

  /** Values for the gaps of texts: call, answers in words, note, times. */
  values(began) {
    const told = this.answers.filter((answer) => answer.value !== null);
    const said = Object.fromEntries(told.map((answer) => [`fact.${answer.fact}`, answer.words]));
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
    if (!this.handover) return endingOf(this.place.node, data, this.values(began), began);
    const steps = this.place.steps.filter(({ answer }) => answer.value !== null);
    const told = steps.map(({ node, answer }) => `${node.label}: ${answer.words}`);
    return endingOf(data.unfinished, data, this.values(began), began, told);
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

  /** Append an entry to the log, store it in the browser and save it on the server. */
  record(entry, saveAfter = 0) {
    const last = this.log.length ? Date.parse(this.log[this.log.length - 1].at) : 0;
    const at = new Date(Math.max(this.server.now().getTime(), last + 1));
    this.log = [...this.log, { ...entry, at: at.toISOString() }];
    this.store();
    clearTimeout(this.saveTimer);
    this.saveTimer = null;
    if (saveAfter) this.saveTimer = setTimeout(() => this.saveNow(), saveAfter);
    else this.saver.save();
    this.showConnection("saving");
  }

  store() {
    this.localStore.put({
      revision: data.revision,
      script: data.script,
      log: this.log,
      grafts: this.grafts,
      pending: this.pending,
      tab: this.tab,
      seq: this.seq,
      ticket: this.server.ticket,
      about: data.call,
      context: data.context,
    });
  }

  answer(value, words) {
    // An answer counts only for a phrase that was seen: not the second one of a key pressed twice.
    if (this.stood < SEEN_AFTER) return;
    const { node } = this.place;
    const asked = new Date(this.server.now().getTime() - (performance.now() - this.shown)).toISOString();
    this.resetMoment();
    this.record({ kind: "answer", q: node.q, fact: node.fact, value, words, asked });
    this.notice("resumed", null);
    this.render();
  }

  choose(place) {
    const offered = this.place.node?.answers?.[place];
    if (this.screen === "question" && offered) this.answer(offered.value, offered.label);
  }

  /** Pass over a question that need not be answered. */
  skip() {
    if (this.screen === "question" && "skip" in this.place.node) this.answer(null, "Пропущено");
  }

  /** Take a typed answer; returns what is wrong with it, or null. */
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
      this.resetMoment();
      this.render();
      return;
    }
    const last = this.answers.at(-1);
    if (last && this.screen !== "sending" && this.screen !== "done") this.backTo(last.fact);
  }

  backTo(fact) {
    if (this.pending) return;
    this.resetMoment();
    this.record({ kind: "back", fact });
    this.render();
  }

  note(text) {
    const fact = this.place.node?.fact ?? null;
    const last = this.log.at(-1);
    if (last?.kind === "note" && last.fact === fact) this.log = this.log.slice(0, -1);
    this.record({ kind: "note", fact, text: text.slice(0, 2000) }, 600);
    this.exact = null;
    if (this.screen === "ending") {
      clearTimeout(this.noteTimer);
      this.noteTimer = setTimeout(() => this.renderStage(false), 400);
    }
  }

  handOver(why) {
    this.resetMoment();
    this.handover = why;
    this.render();
  }

  resume() {
    const end = conversation.ended(this.log);
    if (!end) return;
    this.resetMoment();
    this.record({ kind: "resumed" });
    this.correcting = end.kind === "confirmed";
    this.render();
  }

  /** Go back to the end that is recorded, with the answers that led to it. */
  keepEnd() {
    const end = conversation.lastEnd(this.log);
    const then = conversation.currentAnswers(this.log.slice(0, this.log.indexOf(end)));
    const now = this.answers;
    const first = then.findIndex((answer, place) => now[place]?.fact !== answer.fact || now[place].value !== answer.value);
    this.resetMoment();
    if (first >= 0 || now.length > then.length) {
      this.record({ kind: "back", fact: now[0]?.fact ?? then[0].fact });
      for (const answer of then) this.record(answer);
    }
    this.record(end);
    this.render();
  }

  // --- where only the server knows what comes next ----------------------------------------------

  /** Ask the server for the next phrase. */
  async askNext() {
    const answers = this.place.steps.map((step) => step.answer);
    const known = conversation.graftKey(answers);
    const asked = (this.asked = {});
    this.asking ??= { failed: false, fault: null };
    let response;
    try {
      const body = { script: data.script, revision: data.revision, facts: conversation.factsOf(answers) };
      response = await this.server.ask("POST", "next", { body });
    } catch (error) {
      if (!(error instanceof NoResponse)) throw error;
    }
    if (this.asked !== asked || this.screen !== "asking") return;
    if (response?.status === 200) {
      this.grafts = { ...this.grafts, [known]: response.body.tree };
      this.asking = null;
      this.store();
      this.render();
    } else if (response?.status === 422) {
      const words = Object.values(response.body.error?.fields ?? {})[0];
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

  /** The server has this state; entries added while it was on its way are not saved yet. */
  saved() {
    if (this.saver.isClean && !this.saveTimer) this.showConnection("saved");
    if (this.progress?.over) this.finish();
  }

  /** Another tab of this browser changed the call: adopt its log. */
  adoptFromTab(state) {
    if (state.tab === this.tab || state.revision !== data.revision) return;
    const newer = conversation.isNewer(state.log, this.log);
    if (newer) this.log = state.log;
    this.adoptClient(state);
    this.grafts = { ...state.grafts, ...this.grafts };
    const pending = state.refused ? null : state.pending;
    if (this.pending && !pending) this.sender.drop();
    this.pending = pending;
    if (newer || pending) this.showAdopted("Этот звонок открыт ещё в одной вкладке и продолжен там: здесь показано то же самое.");
  }

  /** Another window, perhaps on another machine, saved a newer journal. */
  adoptFromServer(trail) {
    this.seq = trail.seq;
    if (conversation.isNewer(trail.entries, this.log)) {
      this.log = trail.entries;
      this.showAdopted(`Этот звонок продолжен в другом окне${trail.operator ? ` (${trail.operator})` : ""}: здесь показано то же самое.`);
      this.store();
      this.showConnection("saved");
    } else {
      this.saver.save();
    }
  }

  showAdopted(words) {
    if (!this.pending) this.resetMoment();
    this.notice("resumed", words, "warn");
    this.render();
  }

  /** The tab is shown again: the call may have continued elsewhere. */
  async refresh() {
    if (this.pending) {
      this.sender.now();
      return;
    }
    try {
      const { status, body } = await this.server.ask("GET", "trail");
      if (status === 200 && body.trail && body.trail.seq > this.seq) this.adoptFromServer(body.trail);
      if (status === 200 && this.saver.isClean) this.showConnection("saved");
    } catch (error) {
      if (!(error instanceof NoResponse)) throw error;
    }
  }
}

new Page().begin();
