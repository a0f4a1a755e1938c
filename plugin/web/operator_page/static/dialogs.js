/** The dialogs for what the script does not foresee: an answer that is not offered, and a call that breaks off. */

import { ClientCard } from "./client_card.js";
import { byId } from "./render.js";
import { plain } from "./texts.js";

export class Dialogs extends ClientCard {
  wireDialogs() {
    byId("other").addEventListener("close", () => this.otherClosed());
    byId("broken").addEventListener("close", () => this.brokenClosed());
    byId("other-text").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        byId("other").querySelector("button.main").click();
      }
    });
  }

  openOther() {
    if (this.screen !== "question") return;
    // Words that were left are there when the dialog is opened again for the same question.
    const { q } = this.place.node;
    if (this.otherFor !== q) byId("other-text").value = "";
    this.otherFor = q;
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
    this.record({ kind: "other", q: node.q, fact: node.fact, text });
    this.otherFor = null;
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
}
