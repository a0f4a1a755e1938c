/** Whom the call is with: looked up in the background, shown in the header, changed in a dialog until the end. */

import { make } from "./dom.js";
import { notice } from "./notices.js";
import { byId } from "./render.js";
import { NoResponse } from "./server.js";
import { SignInDialog } from "./sign_in.js";
import { dayTime } from "./texts.js";

const STATES = {
  several: (client) => `Карточек с этим номером: ${client.cards.length}. Выберите нужную.`,
  none: () => "Карточка по этому номеру не найдена.",
  gone: () => "Этой карточки в CRM больше нет.",
  no_number: () => "Без номера или карточки итог записать некуда.",
  unknown: () => "CRM сейчас не отвечает: карточка будет найдена при записи.",
};

const FIELDS = ["phone", "card", "name"];

export class ClientCard extends SignInDialog {
  wireClient() {
    this.client = null;
    byId("client-change").addEventListener("click", () => this.openClient());
    byId("client-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.changeClient();
    });
    byId("client-cancel").addEventListener("click", () => byId("client").close());
    byId("client").addEventListener("close", () => this.focusStage());
    this.showClient();
  }

  get rules() {
    return { script: this.data.script, revision: this.data.revision };
  }

  /** What the end still lacks before it can be carried out: "number", or null. */
  get lacking() {
    const { call } = this.data;
    const { ending } = this;
    if (!ending.complete || ending.same || !ending.writes.length || call.phone) return null;
    return ending.about === "number" || ending.target || !call.card ? "number" : null;
  }

  /** Why the comment cannot be written, in words; null where nothing speaks against it. */
  get unwritable() {
    const state = this.client?.state;
    if (this.data.call.card && state !== "gone") return null;
    if (state === "several") return "По этому номеру найдено несколько карточек. Выберите нужную, иначе комментарий записать некуда.";
    if (state === "none") return "По этому номеру карточка не найдена: комментарий записать некуда. Проверьте номер или укажите карточку.";
    if (state === "gone") return "Карточки этого клиента в CRM больше нет. Проверьте номер или укажите другую карточку.";
    return null;
  }

  /** What the number asked for in earlier calls still holds, whatever this call ends in; null for nothing. */
  get inForce() {
    const { ending } = this;
    const before = new Map((this.client?.before ?? []).toReversed().map((one) => [one.label, one]));
    if (!before.size || !ending.complete || ending.same) return null;
    const asked = [...before.values()].map((one) => `«${one.label}» (${dayTime(new Date(one.at), this.data.zone)})`).join(", ");
    const [stay, remain, them] = before.size > 1 ? ["просьбы", "прежние останутся", "их"] : ["просьба", "прежняя останется", "её"];
    const then = ending.writes.length ? `Подтверждение добавит новую запись, ${remain}.` : `Этот итог ${them} не отменяет.`;
    return `По этому номеру уже просили: ${asked} — ${stay} в силе. ${then}`;
  }

  async lookUp() {
    if (["sending", "done"].includes(this.screen)) return;
    try {
      const { status, body } = await this.server.ask("POST", "client", { body: this.rules });
      if (status === 200) this.takeClient(body);
    } catch (error) {
      if (!(error instanceof NoResponse)) throw error;
    }
  }

  takeClient({ client, call, context, ticket, tree, unfinished }) {
    this.client = client;
    if (call) {
      this.data.call = call;
      this.data.context = context;
      this.server.ticket = ticket;
      if (this.log.length) this.store();
    }
    this.showClient();
    this.showBefore();
    if (tree && !["sending", "done"].includes(this.screen)) {
      // What the card tells may change what is asked next; the answers given so far stay.
      Object.assign(this.data, { tree, unfinished });
      this.grafts = {};
      this.exact = null;
      this.render();
    } else if (this.screen === "ending") {
      this.exact = null;
      this.renderStage(false);
    }
  }

  /** What the number asked for before; the end tells it in its own place. */
  showBefore() {
    const asked = (this.client?.before ?? []).map((one) => `${dayTime(new Date(one.at), this.data.zone)}, ${one.label}`);
    const told = [];
    if (this.client?.excluded) told.push(`Номер исключён с ${dayTime(new Date(this.client.excluded), this.data.zone)}: опрос не проводить.`);
    if (asked.length > 0 && !(this.screen === "ending" && this.inForce)) told.push(`Уже просил: ${asked.join("; ")}.`);
    notice("before", told.join(" ") || null);
  }

  /** Another tab has changed the client. */
  adoptClient({ about, context, ticket }) {
    if (!about || ticket === this.server.ticket) return;
    Object.assign(this.data, { call: about, context: context ?? this.data.context });
    this.server.ticket = ticket;
    this.showClient();
  }

  showClient() {
    const { call } = this.data;
    const name = call.name ?? "Имя не указано";
    byId("client-name").replaceChildren(
      call.url && call.name ? make("a", { href: call.url, target: "_blank", rel: "noopener noreferrer" }, name) : name,
    );
    byId("client-phone").textContent = call.shown ?? "номер не указан";
    const told = STATES[this.client?.state]?.(this.client);
    const card = byId("client-card");
    card.textContent = told ?? (call.card && this.client ? "Карточка найдена" : "");
    card.dataset.state = told ? "bad" : "good";
    byId("client-change").hidden = this.screen === "done" || this.screen === "sending";
  }

  /** `faults`: what the server found wrong, by field. */
  openClient(faults = {}) {
    if (["sending", "done"].includes(this.screen)) return;
    const { call } = this.data;
    byId("client-phone-field").value = call.shown ?? "";
    byId("client-card-field").value = call.card?.id ?? "";
    byId("client-name-field").value = call.card ? "" : (call.name ?? "");
    const cards = this.client?.state === "several" ? this.client.cards : [];
    byId("client-cards").replaceChildren(...cards.map((card) => this.cardChoice(card)));
    byId("client-choice").hidden = !cards.length;
    byId("client").showModal();
    (cards.length ? byId("client-cards").querySelector("input") : byId("client-phone-field")).focus();
    this.faultOfClient(faults);
  }

  cardChoice(card) {
    const input = make("input", { type: "radio", name: "client-card", value: card.id, "data-type": card.type });
    input.addEventListener("change", () => (byId("client-card-field").value = card.id));
    return make("label", { class: "choice" }, input, ` ${card.name ?? "без имени"} `, make("span", { class: "soft" }, `карточка ${card.id}`));
  }

  faultOfClient(fields) {
    for (const name of FIELDS) {
      byId(`client-${name}-fault`).textContent = fields[name]?.[0] ?? "";
      byId(`client-${name}-field`).setAttribute("aria-invalid", String(Boolean(fields[name])));
    }
    const wrong = FIELDS.find((name) => fields[name]);
    if (wrong) byId(`client-${wrong}-field`).focus();
  }

  async changeClient() {
    const { call } = this.data;
    const phone = byId("client-phone-field").value;
    let card = byId("client-card-field").value.trim();
    // Another number has another card, unless one is named with it.
    if (phone !== (call.shown ?? "") && card === call.card?.id) card = "";
    const chosen = this.client?.cards?.find((one) => one.id === card);
    const body = { ...this.rules, phone, card, type: chosen?.type ?? "", name: byId("client-name-field").value };
    let answer;
    try {
      answer = await this.server.ask("PUT", "client", { body });
    } catch (error) {
      if (!(error instanceof NoResponse)) throw error;
    }
    if (answer?.status === 200) {
      byId("client").close();
      if (answer.body.reload) location.reload();
      else this.takeClient(answer.body);
    } else if (answer?.status === 422 && answer.body.error?.fields) {
      this.faultOfClient(answer.body.error.fields);
    } else {
      const why = answer?.status === 409 ? "Итог уже записан: номер и карточку не изменить." : "Не получилось сохранить. Попробуйте ещё раз.";
      this.faultOfClient({ phone: [why] });
    }
  }
}
