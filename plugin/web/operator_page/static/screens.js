/** The screens of a call: a question, its end before it is confirmed, what was confirmed on its way. */

import { key, make } from "./dom.js";
import { grouped } from "./endings.js";
import { shortTime } from "./texts.js";

/** A longer phrase is set smaller, so that its answers stay on the screen; in characters. */
const LONG = 200;

/** Short forms such as «а/м» stay in one line. */
function unbroken(text) {
  return text.split(/(\p{L}{1,3}\/\p{L}{1,3}(?!\p{L}))/u).map((part, place) => (place % 2 ? make("span", { class: "nobr" }, part) : part));
}

/** What is read out, or what is to be found out: never to be mistaken for each other. `read`: how `say` is read out. */
function phrase(say, hint, read = null, headingId = "phrase") {
  const parts = [];
  const words = (text, first) =>
    make(first ? "h1" : "p", { class: "words", id: first ? headingId : null, tabindex: first ? "-1" : null, "aria-describedby": first ? "how" : null }, unbroken(text));
  if (say) {
    parts.push(
      make("section", { class: say.length > LONG ? "phrase say long" : "phrase say" }, make("p", { class: "how", id: "how" }, "Прочитайте дословно"), words(read ?? say, true)),
    );
  }
  if (hint) {
    const small = say ? "phrase hint small" : "phrase hint";
    const how = say ? "Подсказка вам — вслух не читать" : "Подсказка: скажите своими словами";
    parts.push(make("section", { class: small }, make("p", { class: "how", id: say ? null : "how" }, how), words(hint, !say)));
  }
  return parts;
}

/** A screen: what is read, which scrolls where there is little room, and below it what is pressed, always in view. */
export function screenOf(read, pressed) {
  return [make("div", { class: "scroll" }, read), make("div", { class: "dock" }, pressed)];
}

function backButton(actions) {
  return make("button", { type: "button", class: "quiet", onclick: actions.back }, "Назад ", key("Backspace"));
}

function others(actions, { canGoBack, canSkip }) {
  return make(
    "div",
    { class: "others" },
    canGoBack && backButton(actions),
    canSkip && make("button", { type: "button", class: "quiet", onclick: once(actions.skip) }, "Пропустить ", key("-")),
    actions.other && make("button", { type: "button", class: "quiet", onclick: actions.other }, "Нет нужного ответа ", key("0")),
    make("button", { type: "button", class: "quiet", onclick: actions.broken }, "Разговор прервался ", key("П")),
  );
}

export function questionScreen(node, actions, { canGoBack, again }) {
  return screenOf(
    [again && make("p", { class: "again" }, "Записано. Спросите ещё раз:"), phrase(node.say, node.hint, node.read)],
    [node.answers ? answerButtons(node, actions) : typedAnswer(node, actions), others(actions, { canGoBack, canSkip: "skip" in node })],
  );
}

/** The second click of a double click was meant for the screen before. */
export function once(action) {
  return (event) => event.detail > 1 || action();
}

function answerButtons(node, actions) {
  const buttons = node.answers.map((answer, place) =>
    make(
      "li",
      {},
      make(
        "button",
        { type: "button", class: "answer", "data-place": place, "aria-keyshortcuts": place < 9 ? String(place + 1) : null, onclick: once(() => actions.answer(answer)) },
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
    return screenOf(
      [make("h1", { id: "phrase", tabindex: "-1", class: "plain" }, "Ответ не подошёл"), make("p", { class: "notice bad" }, fault)],
      make("div", { class: "others" }, make("button", { type: "button", class: "main", onclick: actions.back }, "Исправить ответ ", key("Backspace"))),
    );
  }
  const title = failed ? "Нет связи: следующая фраза пока не загрузилась" : "Загружаю следующую фразу…";
  return screenOf(
    [
      make("h1", { id: "phrase", tabindex: "-1", class: "plain" }, title),
      failed &&
        make(
          "p",
          { class: "notice warn" },
          "Ответы сохранены. Попросите клиента подождать: страница пробует снова сама. Если связь не вернётся, разговор можно передать координатору.",
        ),
    ],
    failed &&
      make(
        "div",
        { class: "others" },
        make("button", { type: "button", class: "main", onclick: actions.retry }, "Попробовать ещё раз ", key("Enter")),
        canGoBack && backButton(actions),
        make("button", { type: "button", class: "quiet", onclick: actions.handover }, "Передать координатору"),
      ),
  );
}

/** The rules do not know what comes next. */
export function faultScreen(actions) {
  return screenOf(
    [
      make("h1", { id: "phrase", tabindex: "-1", class: "plain" }, "В скрипте нет продолжения для этих ответов"),
      make("p", { class: "notice warn" }, "Скажите клиенту, что просьба передана и по ней примут решение. Администратор увидит этот случай."),
    ],
    make(
      "div",
      { class: "others" },
      make("button", { type: "button", class: "main", onclick: actions.handover }, "Передать координатору ", key("Enter")),
      backButton(actions),
    ),
  );
}

export function endingScreen(ending, actions, { zone, now, changed, handover, lacking, unwritable, inForce, correcting }) {
  const closing = ending.say
    ? phrase(ending.say, null, ending.read)
    : phrase(null, handover ? "Скажите клиенту, что его просьба передана и по ней примут решение" : "Завершающей фразы в скрипте нет: поблагодарите и попрощайтесь");
  const isMissing = ending.writes.length > 0 && !ending.same && (lacking || unwritable);
  const result = make(
    "section",
    { class: "result", "aria-labelledby": "result-title", "data-exact": String(ending.exact) },
    make("h2", { id: "result-title" }, make("span", { class: "soft" }, "Итог: "), ending.label ?? "решить вручную"),
    isMissing && missing(lacking, unwritable, actions),
    inForce && make("p", { class: "notice in-force" }, inForce),
    ending.same ? make("p", {}, "Этот итог уже записан: повторно ничего не пишется.") : writes(ending, zone, now),
  );
  return screenOf(
    [
      correcting && make("p", { class: "again" }, "Нажмите на шаг, который нужно исправить: в «Ходе разговора» или кнопкой «Назад»."),
      changed && make("p", { class: "notice warn", role: "alert" }, "Итог изменился. Проверьте его и подтвердите ещё раз."),
      closing,
      result,
    ],
    make(
      "div",
      { class: "confirm" },
      lacking ? numberButton(actions) : confirmButton(ending, actions),
      backButton(actions),
      !handover && make("button", { type: "button", class: "quiet", onclick: actions.broken }, "Разговор прервался ", key("П")),
    ),
  );
}

/** What is read out last, smaller, beside what it led to. */
export function closingPhrase(words) {
  return words && make("section", { class: "phrase say past" }, make("p", { class: "how" }, "Завершающая фраза"), make("p", { class: "words" }, words));
}

function confirmButton(ending, actions) {
  const words = ending.writes.length && !ending.same ? "Подтвердить и записать " : "Подтвердить и закончить ";
  return make("button", { type: "button", class: "main", id: "confirm", onclick: once(actions.confirm) }, words, key("Enter"));
}

function numberButton(actions) {
  return make("button", { type: "button", class: "main", id: "confirm", onclick: once(actions.client) }, "Указать номер ", key("Enter"));
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

const KINDS = { comment: "Комментарий в карточку", reminder: "Напоминание", withdrawal: "Отмена прежнего напоминания: письмо" };

function written(group, zone, now) {
  const people = group.people.map((one) =>
    make(
      "li",
      {},
      make("strong", {}, one.to),
      one.due && group.kind === "reminder" ? `, срок: ${shortTime(one.due, zone, now)}` : "",
      one.mail ? make("span", { class: "soft" }, `, письмо на ${one.mail}`) : "",
    ),
  );
  return make(
    "li",
    { class: `write ${group.kind}` },
    make("p", { class: "what" }, KINDS[group.kind] ?? group.kind, group.subject ? ` «${group.subject}»` : ""),
    people.length ? make("ul", { class: "people", role: "list" }, people) : null,
    make("p", { class: "text" }, toCome(group.text)),
    group.marks.length ? marks(group) : null,
  );
}

/** What stands in a text until its card is known, as words. */
function toCome(text) {
  return text.replaceAll("‹имя в карточке›", "имя подставится").replaceAll("‹ссылка на карточку›", "ссылка подставится").replaceAll("‹номер карточки›", "номер подставится");
}

function marks(group) {
  return make(
    "details",
    { class: "marks" },
    make("summary", {}, "Подробнее"),
    make("p", {}, `Метка записи, по которой её находит плагин: ${group.marks.join(" ")}`),
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

/** `closing`: the closing phrase, still to be read out while the confirmation is on its way. */
export function sendingScreen(why, works, closing) {
  return screenOf(
    [
      make("h1", { id: "phrase", tabindex: "-1", class: "plain" }, why ? "Подтверждено, ещё не передано" : "Передаётся…"),
      why && make("p", { class: "notice warn" }, waitingWords(why, works)),
      closingPhrase(closing),
    ],
    null,
  );
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
        actions.noteAt(answer.fact) && make("span", { class: "noted" }, `Заметка: ${actions.noteAt(answer.fact)}`),
        make("span", { class: "unseen" }, " — вернуться к этому вопросу"),
      ),
    ),
  );
  if (current) rows.push(make("li", { class: "now", "aria-current": "step" }, make("span", { class: "number", "aria-hidden": "true" }, String(steps.length + 1)), make("span", { class: "asked" }, current)));
  return rows;
}
