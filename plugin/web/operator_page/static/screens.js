/** The screens of a call: a question, its end before it is confirmed, what was confirmed on its way. */

import { key, make } from "./dom.js";
import { grouped } from "./endings.js";
import { clockTime, shortTime } from "./texts.js";

/** A longer phrase is set smaller, so that its answers stay on the screen; in characters. */
const LONG = 200;

/** What is read out, or what is to be found out: never to be mistaken for each other. `read`: how `say` is read out. */
function phrase(say, hint, read = null, headingId = "phrase") {
  const parts = [];
  const words = (text, first) =>
    make(first ? "h1" : "p", { class: "words", id: first ? headingId : null, tabindex: first ? "-1" : null }, text);
  if (say) {
    parts.push(
      make("section", { class: say.length > LONG ? "phrase say long" : "phrase say" }, make("p", { class: "how" }, "Прочитайте дословно"), words(read ?? say, true)),
    );
  }
  if (hint) {
    const small = say ? "phrase hint small" : "phrase hint";
    const how = say ? "Подсказка вам — вслух не читать" : "Подсказка: спросите своими словами";
    parts.push(make("section", { class: small }, make("p", { class: "how" }, how), words(hint, !say)));
  }
  return parts;
}

function others(actions, { canGoBack }) {
  return make(
    "div",
    { class: "others" },
    canGoBack && make("button", { type: "button", class: "quiet", onclick: actions.back }, "Назад ", key("Backspace")),
    actions.other && make("button", { type: "button", class: "quiet", onclick: actions.other }, "Нет нужного ответа ", key("0")),
    make("button", { type: "button", class: "quiet", onclick: actions.broken }, "Разговор прервался ", key("П")),
  );
}

export function questionScreen(node, actions, { canGoBack, again }) {
  return [
    again && make("p", { class: "again" }, "Записано. Спросите ещё раз:"),
    phrase(node.say, node.hint, node.read),
    node.answers ? answerButtons(node, actions) : typedAnswer(node, actions),
    others(actions, { canGoBack }),
  ];
}

/** The second click of a double click was meant for the screen before. */
function once(action) {
  return (event) => event.detail > 1 || action();
}

function answerButtons(node, actions) {
  const buttons = node.answers.map((answer, place) =>
    make(
      "li",
      {},
      make(
        "button",
        { type: "button", class: "answer", "data-place": place, onclick: once(() => actions.answer(answer)) },
        place < 9 && key(String(place + 1)),
        make("span", {}, answer.label),
      ),
    ),
  );
  return make("ul", { class: "answers", role: "list", "aria-label": "Ответ клиента" }, buttons);
}

const TYPES = { text: "text", number: "text", date: "date", datetime: "datetime-local" };

function typedAnswer(node, actions) {
  const input = make("input", {
    id: "typed",
    type: TYPES[node.input.type],
    inputmode: node.input.type === "number" ? "decimal" : null,
    maxlength: node.input.longest ?? null,
    autocomplete: "off",
    "aria-describedby": "typed-fault",
  });
  const fault = make("p", { id: "typed-fault", class: "fault", role: "alert" });
  const submit = (event) => {
    event.preventDefault();
    const why = actions.typed(input.value);
    fault.textContent = why ?? "";
    if (why) {
      input.setAttribute("aria-invalid", "true");
      input.focus();
    }
  };
  return make(
    "form",
    { class: "typed", onsubmit: submit, novalidate: true },
    make("label", { for: "typed" }, node.label),
    make("div", { class: "row" }, input, make("button", { class: "main", type: "submit" }, "Дальше ", key("Enter"))),
    fault,
  );
}

/** The page cannot know what comes next without the server. */
export function askingScreen(actions, { failed, fault, canGoBack }) {
  if (fault) {
    return [
      make("h1", { id: "phrase", tabindex: "-1", class: "plain" }, "Ответ не подошёл"),
      make("p", { class: "notice bad" }, fault),
      make("div", { class: "others" }, make("button", { type: "button", class: "main", onclick: actions.back }, "Исправить ответ ", key("Backspace"))),
    ];
  }
  const title = failed ? "Следующую фразу знает только сервер, а связи с ним нет" : "Спрашиваю у сервера следующую фразу…";
  return [
    make("h1", { id: "phrase", tabindex: "-1", class: "plain" }, title),
    failed &&
      make(
        "p",
        { class: "notice warn" },
        "Ответы сохранены. Попросите клиента подождать: страница пробует снова сама. Если связь не вернётся, разговор можно передать координатору.",
      ),
    failed &&
      make(
        "div",
        { class: "others" },
        make("button", { type: "button", class: "main", onclick: actions.retry }, "Спросить ещё раз ", key("Enter")),
        canGoBack && make("button", { type: "button", class: "quiet", onclick: actions.back }, "Назад ", key("Backspace")),
        make("button", { type: "button", class: "quiet", onclick: actions.handover }, "Завершить: решить вручную"),
      ),
  ];
}

/** The rules do not know what comes next. */
export function faultScreen(actions) {
  return [
    make("h1", { id: "phrase", tabindex: "-1", class: "plain" }, "Скрипт не говорит, что делать дальше"),
    make("p", { class: "notice warn" }, "Скажите клиенту, что просьба передана и по ней примут решение. Администратор увидит этот случай."),
    make(
      "div",
      { class: "others" },
      make("button", { type: "button", class: "main", onclick: actions.handover }, "Завершить: решить вручную ", key("Enter")),
      make("button", { type: "button", class: "quiet", onclick: actions.back }, "Назад ", key("Backspace")),
    ),
  ];
}

export function endingScreen(ending, actions, { zone, now, changed, handover, recorded, lacking, unwritable }) {
  const closing = ending.say
    ? phrase(ending.say, null, ending.read)
    : phrase(null, handover ? "Скажите клиенту, что его просьба передана и по ней примут решение" : "Завершающей фразы в скрипте нет: поблагодарите и попрощайтесь");
  const confirm = ending.writes.length && !ending.same ? "Подтвердить и записать " : "Подтвердить и закончить ";
  return [
    changed &&
      make("p", { class: "notice warn", role: "alert" }, "Итог изменился. Проверьте его и подтвердите ещё раз."),
    closing,
    make(
      "section",
      { class: "result", "aria-labelledby": "result-title", "data-exact": String(ending.exact) },
      make("h2", { id: "result-title" }, make("span", { class: "soft" }, "Итог: "), ending.label ?? "разговор не завершён"),
      recorded && make("p", { class: "notice" }, `По этому звонку уже записано: «${recorded}».`),
      ending.writes.length > 0 && !ending.same && (lacking || unwritable) && missing(lacking, unwritable, actions),
      ending.same ? make("p", {}, "Этот итог уже записан: повторно ничего не пишется.") : writes(ending, zone, now),
    ),
    make(
      "div",
      { class: "confirm" },
      lacking
        ? make("button", { type: "button", class: "main", id: "confirm", onclick: once(actions.client) }, "Указать номер ", key("Enter"))
        : make("button", { type: "button", class: "main", id: "confirm", onclick: once(actions.confirm) }, confirm, key("Enter")),
    ),
    make(
      "div",
      { class: "others" },
      make("button", { type: "button", class: "quiet", onclick: actions.back }, "Назад ", key("Backspace")),
      !handover && make("button", { type: "button", class: "quiet", onclick: actions.broken }, "Разговор прервался ", key("П")),
    ),
  ];
}

/** What cannot be carried out as it is, and where to mend it. */
function missing(lacking, unwritable, actions) {
  const words = lacking ? "Номер не указан, а без него записывать некуда. Укажите номер, по которому идёт разговор." : unwritable;
  return make(
    "div",
    { class: "notice warn missing" },
    make("p", {}, words),
    !lacking && make("button", { type: "button", onclick: actions.client }, "Изменить номер / карточку"),
  );
}

function writes(ending, zone, now) {
  if (!ending.writes.length) return make("p", {}, "В CRM ничего не пишется, напоминаний нет.");
  return [
    make("p", { class: "soft" }, ending.exact ? "Будет записано:" : "Будет записано (точное время поставит сервер):"),
    ending.target &&
      make("p", {}, "В карточку ответившего: ", make("strong", {}, ending.target.name), `, номер ${ending.target.phone || "не указан"}.`),
    make("ul", { class: "writes", role: "list" }, grouped(ending.writes).map((group) => written(group, zone, now))),
    ending.target &&
      make(
        "details",
        {},
        make("summary", {}, "Если его карточка не найдётся"),
        make("p", {}, "Запись пойдёт в карточку этого звонка, и к ней добавится:"),
        [...new Set(ending.writes.map((write) => write.fallback).filter(Boolean))].map((text) => make("p", { class: "text" }, text)),
      ),
  ];
}

const KINDS = { comment: "Комментарий в карточку", reminder: "Напоминание", withdrawal: "Прежнее напоминание отзывается" };

function written(group, zone, now) {
  const people = group.people.map((one) =>
    make(
      "li",
      {},
      make("strong", {}, one.to),
      one.due && group.kind === "reminder" ? ` — до ${shortTime(one.due, zone, now)}` : "",
      one.mail ? make("span", { class: "soft" }, `, письмо на ${one.mail}`) : "",
    ),
  );
  return make(
    "li",
    { class: `write ${group.kind}` },
    make("p", { class: "what" }, KINDS[group.kind] ?? group.kind, group.subject ? ` «${group.subject}»` : ""),
    people.length ? make("ul", { class: "people", role: "list" }, people) : null,
    make("p", { class: "text" }, group.text),
    group.marks.length ? make("p", { class: "marks" }, `последней строкой — метка записи ${group.marks.join(" ")}`) : null,
  );
}

/** Why a confirmation has not left; `works`: whether this browser keeps anything beyond the tab. */
function waitingWords(why, works) {
  const kept = works ? "Подтверждение сохранено в этом браузере" : "Подтверждение хранится только в этой вкладке";
  const stay = works ? "" : " Не закрывайте и не обновляйте её.";
  if (why === "signed out") return `Сеанс завершён — войдите снова, здесь или в любой вкладке. ${kept} и сразу уйдёт само.${stay}`;
  if (why === "busy") return `Сервер занят и просит подождать. ${kept} и уйдёт само.${stay}`;
  return `Нет связи с сервером. ${kept} и уйдёт само, как только связь вернётся.${stay}`;
}

export function sendingScreen(why, works) {
  return [
    make("h1", { id: "phrase", tabindex: "-1", class: "plain" }, why ? "Подтверждено, ещё не передано" : "Передаётся…"),
    why && make("p", { class: "notice warn" }, waitingWords(why, works)),
  ];
}

const ICONS = { done: "✓", cancelled: "–", parked: "!" };

export function doneScreen(end, progress, actions, { zone, label, waiting }) {
  const unfinished = end.kind === "unfinished";
  const at = clockTime(new Date(end.at), zone);
  const rows = (progress?.deliveries ?? []).map((one) =>
    make(
      "li",
      { class: one.state === "done" ? "done" : one.state === "cancelled" ? "off" : one.slow || one.state === "parked" ? "slow" : "going" },
      make("span", { class: "icon", "aria-hidden": "true" }, ICONS[one.state] ?? (one.slow ? "!" : "…")),
      make(
        "span",
        {},
        one.what,
        one.to ? make("span", { class: "soft" }, ` — ${one.to}${one.address ? `, ${one.address}` : ""}`) : "",
        ": ",
        make("strong", {}, one.slow && one.state === "pending" ? "опаздывает" : one.words),
        one.at ? make("span", { class: "soft" }, ` ${clockTime(new Date(one.at), zone)}`) : "",
      ),
    ),
  );
  return [
    make("h1", { id: "phrase", tabindex: "-1", class: "plain" }, unfinished ? "Передано координатору" : "Готово"),
    make("p", { class: "big" }, make("span", { class: "soft" }, "Итог: "), make("strong", {}, label)),
    progress &&
      make(
        "div",
        { class: progress.late ? "notice warn" : progress.over ? "notice good" : "notice", role: "status" },
        make("p", {}, make("strong", {}, progress.words)),
        progress.advice && make("p", {}, progress.advice),
      ),
    make(
      "ul",
      { class: "progress", role: "list" },
      make(
        "li",
        { class: "done" },
        make("span", { class: "icon", "aria-hidden": "true" }, "✓"),
        make("span", {}, "Принято: ", make("strong", {}, "сохранено и не потеряется"), make("span", { class: "soft" }, ` ${at}`)),
      ),
      rows,
    ),
    waiting && make("p", { class: "notice warn", role: "status" }, "Нет связи: как идёт запись, пока не видно. Сама запись от этой страницы уже не зависит."),
    make(
      "div",
      { class: "others" },
      unfinished && make("button", { type: "button", class: "quiet", onclick: once(actions.resume) }, "Продолжить разговор"),
      !unfinished && make("button", { type: "button", class: "quiet", onclick: actions.resume }, "Исправить итог"),
    ),
  ];
}

/** The steps so far; any of them can be gone back to. */
export function journal(steps, current, actions) {
  const rows = steps.map(({ node, answer }, place) =>
    make(
      "li",
      {},
      make(
        "button",
        { type: "button", class: "step", onclick: () => actions.backTo(answer.fact), title: "Вернуться к этому вопросу" },
        make("span", { class: "number", "aria-hidden": "true" }, String(place + 1)),
        make("span", { class: "asked" }, node.label),
        make("span", { class: "said" }, answer.words),
        make("span", { class: "unseen" }, " — вернуться к этому вопросу"),
      ),
    ),
  );
  if (current) rows.push(make("li", { class: "now", "aria-current": "step" }, make("span", { class: "number", "aria-hidden": "true" }, String(steps.length + 1)), make("span", { class: "asked" }, current)));
  return rows;
}
