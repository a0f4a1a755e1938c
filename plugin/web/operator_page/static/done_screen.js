/** What was confirmed on its way into the CRM: what counts now first, what was taken back below it. */

import { make } from "./dom.js";
import { closingPhrase, once, screenOf } from "./screens.js";
import { minuteTime } from "./texts.js";

const ICONS = { done: "✓", cancelled: "–", parked: "!" };

export function doneScreen(end, progress, actions, { zone, label, waiting, closing, mayStart, root }) {
  const unfinished = end.kind === "unfinished";
  const accepted = row("done", "✓", "Принято и сохранено", minuteTime(new Date(end.at), zone));
  const all = progress?.deliveries ?? [];
  const gone = all.filter((one) => !one.standing);
  return screenOf(
    [
      make("h1", { id: "phrase", tabindex: "-1", class: "plain" }, title(unfinished, progress)),
      make("p", { class: "big" }, make("span", { class: "soft" }, "Итог: "), make("strong", {}, label)),
      progress && verdict(progress),
      closingPhrase(closing),
      gone.length > 0 && make("h2", {}, "Сейчас в силе"),
      make("ul", { class: "progress", role: "list" }, accepted, all.filter((one) => one.standing).map((one) => delivery(one, zone))),
      gone.length > 0 && make("details", { class: "gone" }, make("summary", {}, `Отменено: ${gone.length}`), make("ul", { class: "progress", role: "list" }, gone.map((one) => delivery(one, zone)))),
      waiting && make("p", { class: "notice warn", role: "status" }, "Нет связи: как идёт запись, пока не видно. Сама запись от этой страницы уже не зависит."),
    ],
    make(
      "div",
      { class: "others" },
      mayStart && make("a", { class: "button", href: root }, "Следующий звонок"),
      make("button", { type: "button", class: "quiet", onclick: once(actions.resume) }, unfinished ? "Продолжить разговор" : "Исправить итог"),
    ),
  );
}

function title(unfinished, progress) {
  if (unfinished) return "Передано координатору";
  return progress?.late ? "Принято, но записано не всё" : "Готово";
}

function verdict(progress) {
  return make(
    "div",
    { class: progress.late ? "notice warn" : progress.over ? "notice good" : "notice", role: "status" },
    make("p", {}, make("strong", {}, progress.words)),
    progress.advice && make("p", {}, progress.advice),
  );
}

function delivery(one, zone) {
  const late = one.slow || one.state === "parked";
  const state = one.state === "done" ? "done" : one.state === "cancelled" ? "off" : late ? "slow" : "going";
  const what = [one.what, one.to ? make("span", { class: "soft" }, ` — ${one.to}${one.address ? `, ${one.address}` : ""}`) : "", ": "];
  const words = make("strong", {}, one.slow && one.state === "pending" ? "задерживается" : one.words);
  return row(state, ICONS[one.state] ?? (one.slow ? "!" : "…"), [...what, words], one.at && minuteTime(new Date(one.at), zone));
}

function row(state, icon, words, at) {
  const told = make("span", {}, words, at ? make("span", { class: "soft" }, ` ${at}`) : "");
  return make("li", { class: state }, make("span", { class: "icon", "aria-hidden": "true" }, icon), told);
}
