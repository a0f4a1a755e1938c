/** Renders the log of a call; `Page` in main.js extends this. */

import * as conversation from "./conversation.js";
import { doneScreen } from "./done_screen.js";
import { make } from "./dom.js";
import { notice } from "./notices.js";
import * as screens from "./screens.js";
import { minuteTime } from "./texts.js";
import { ANSWERS, counted } from "./words.js";

export const byId = (id) => document.getElementById(id);

/** Draws screen, journal and notices from `this.log`; state and actions are those of the extending class. */
export class Renderer {
  constructor(data) {
    this.data = data;
  }

  render() {
    this.dropMisfits();
    this.renderStage();
    this.renderJournal();
    this.showClient();
    this.showBefore();
    const note = byId("note");
    if (document.activeElement !== note) note.value = conversation.noteAt(this.log, this.place.node?.fact ?? null);
    note.disabled = Boolean(this.pending) || this.screen === "done";
    byId("note-help").textContent = this.noteHelp;
    const end = conversation.lastEnd(this.log);
    const goesOn = end && this.screen !== "done" && this.screen !== "sending";
    const keep = make("button", { type: "button", class: "quiet", onclick: () => this.keepEnd() }, "Отменить исправление");
    this.notice("correcting", goesOn ? this.standing(end) : null, "", end?.kind === "confirmed" ? keep : null);
    this.noteShown();
  }

  /** The screen stands there from now on: what a slow machine took to draw it does not count. */
  noteShown() {
    this.shown = performance.now();
    byId("stage").dataset.shown = String(Math.round(this.shown));
  }

  /** How long it had stood when the operator pressed: a press may have waited while the screen was drawn. */
  get stood() {
    return Math.min(performance.now(), window.event?.timeStamp ?? Infinity) - this.shown;
  }

  /** Where a note goes. */
  get noteHelp() {
    if (this.screen === "done") return "Итог записан: заметки больше не принимаются.";
    if (this.screen === "ending" && !this.handover && !this.ending.writes.length) {
      return "Напоминания не будет: заметка останется в журнале звонка, её увидит администратор.";
    }
    return "Заметка к этому вопросу, её увидит координатор. Esc — вернуться к ответам.";
  }

  /** What holds while the conversation goes on after an end. */
  standing(end) {
    if (end.kind === "confirmed") return `Уже записано: «${end.words ?? end.outcome}». Действует, пока вы не подтвердите новый итог.`;
    return `Передано координатору в ${minuteTime(new Date(end.at), this.data.zone)}. Когда подтвердите итог, он узнает об этом.`;
  }

  /** Answers that the rules of this page do not ask for are taken back. */
  dropMisfits() {
    const { misfit, asking } = this.place;
    if (misfit && !asking && !conversation.ended(this.log)) this.record({ kind: "back", fact: misfit.fact });
  }

  renderStage(moveFocus = true) {
    const { screen } = this;
    const stage = byId("stage");
    const held = document.activeElement?.id;
    stage.replaceChildren(...this.parts(screen).flat(Infinity).filter(Boolean));
    stage.dataset.screen = screen;
    document.body.dataset.screen = screen;
    if (moveFocus) {
      this.focusStage();
      scrollTo(0, 0);
      letScroll(stage.querySelector(".scroll"));
      this.noteShown();
    } else if (held && document.activeElement === document.body) {
      byId(held)?.focus({ preventScroll: true });
    }
    if (screen === "ending" && !this.exact) this.askPreview();
    if (screen === "asking" && !this.asking) this.askNext();
    if (screen === "done" && !this.progress && moveFocus) this.scheduleProgress();
  }

  parts(screen) {
    const actions = {
      answer: (answer) => this.answer(answer.value, answer.label),
      typed: (text) => this.typed(text),
      skip: () => this.skip(),
      back: () => this.back(),
      backTo: (fact) => this.backTo(fact),
      other: () => this.openOther(),
      broken: () => this.openBroken(),
      handover: () => this.handOver("by_hand"),
      retry: () => this.retry(),
      confirm: () => this.confirm(),
      resume: () => this.resume(),
      client: () => this.openClient(),
    };
    const canGoBack = this.answers.length > 0;
    const { zone } = this.data;
    if (screen === "question") return screens.questionScreen(this.place.node, actions, { canGoBack, again: this.again });
    if (screen === "asking") return screens.askingScreen(actions, { ...this.asking, canGoBack });
    if (screen === "fault") return screens.faultScreen(actions);
    if (screen === "sending") return screens.sendingScreen(this.sendingWhy, this.localStore.works, this.closing);
    if (screen === "done") {
      const end = conversation.ended(this.log);
      const label = end.kind === "unfinished" ? this.data.unfinished.label : (end.words ?? end.outcome);
      const { closing } = this;
      const { root, may_start: mayStart } = this.data;
      return doneScreen(end, this.progress, actions, { zone, label, waiting: this.progressLost, closing, mayStart, root });
    }
    return screens.endingScreen(this.ending, actions, {
      zone,
      now: this.server.now(),
      changed: this.changed,
      correcting: this.correcting,
      lacking: this.lacking,
      unwritable: this.unwritable,
      inForce: this.inForce,
      handover: this.handover,
    });
  }

  /** The phrase that ends the conversation, for as long as it may still have to be read out. */
  get closing() {
    const { node } = this.place;
    return node && !node.fact && !this.handover && conversation.ended(this.log)?.kind !== "unfinished" ? (node.read ?? node.say) : null;
  }

  renderJournal() {
    const { steps, node } = this.place;
    const current = this.screen === "question" ? node.label : null;
    byId("trail").replaceChildren(...screens.journal(steps, current, { backTo: (fact) => this.backTo(fact), noteAt: (fact) => conversation.noteAt(this.log, fact) }));
    byId("trail-count").textContent = steps.length ? counted(steps.length, ANSWERS) : "пока без ответов";
  }

  /** From a field back to the phrase, where keys are keys. */
  leaveField() {
    (byId("phrase") ?? byId("stage")).focus({ preventScroll: true });
  }

  openNote() {
    const note = byId("note");
    if (note.disabled) return;
    note.closest("details").open = true;
    note.focus();
  }

  focusStage() {
    const typed = byId("typed");
    (typed ?? byId("phrase") ?? byId("stage")).focus({ preventScroll: true });
  }

  notice(name, words, kind = "", button = null) {
    notice(name, words, kind, button);
  }

  showConnection(state) {
    const words = { saved: "Сохранено", saving: "Сохраняется…", offline: "Нет связи", busy: "Сервер занят", "signed out": "Сеанс завершён — войдите снова" };
    const link = byId("link");
    link.textContent = state === "saved" && !this.log.length ? "На связи" : words[state];
    link.dataset.state = state;
    if (state === "saving") return;
    // The screen of a confirmation that waits says why itself.
    const told = this.screen === "sending" && this.sendingWhy;
    this.notice("offline", state === "offline" && !told ? `Нет связи с сервером. Разговор продолжайте: ${this.whereKept}` : null, "warn");
    if (state === "signed out") this.tellSignedOut(told);
    else this.notice("signed-out", null);
  }

  /** Where the answers are while the server has not got them: only what was tried is promised. */
  get whereKept() {
    if (this.localStore.works) return "ответы сохранены в этом браузере и уйдут сами.";
    return "ответы хранятся только в этой вкладке и уйдут сами. Не закрывайте и не обновляйте её.";
  }
}

/** What is longer than its room can be scrolled by the keyboard too. */
function letScroll(part) {
  if (part && part.scrollHeight > part.clientHeight + 1) {
    part.tabIndex = 0;
    part.setAttribute("role", "group");
    part.setAttribute("aria-label", "Фраза целиком");
  }
}
