// Saves a field of the rules as soon as it is left, and tells of its faults and of what would change.
// Everything works without this: each card has a button, and each page says what would change under a link.

import { drop, elsewhere, forget, keep, putBack, renewed } from "./rules_kept.js";

const bar = document.getElementById("bar");
const effect = document.getElementById("effect");
let asked = 0;

const said = (form, words) => {
  const place = form.querySelector(".saved");
  if (place) place.textContent = words;
};

const line = (words, kind) => {
  const made = document.createElement("p");
  made.className = kind;
  made.textContent = words;
  return made;
};

const showFaults = (form, fields) => {
  for (const [address, told] of Object.entries(fields)) {
    const field = [...form.querySelectorAll(".field")].find((one) => one.dataset.address === address);
    if (!field) continue;
    field.querySelector('input[type="hidden"]').value = told.was;
    field.classList.toggle("wrong", told.faults.length > 0);
    const about = field.querySelector(".about-field");
    about.querySelectorAll(".fault").forEach((one) => one.remove());
    about.prepend(...told.faults.map((words) => line(words, "fault")));
    for (const input of field.querySelectorAll("textarea, select, fieldset, input:not([type=hidden], [type=checkbox])")) {
      if (told.faults.length) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
  }
};

const showBar = (answer) => {
  for (const [id, what] of [["undo", answer.undo], ["redo", answer.redo]]) {
    const button = document.getElementById(id);
    button.disabled = !what;
    button.title = what ?? "";
  }
  document.getElementById("draft-state").textContent = answer.edits
    ? "Есть неопубликованные изменения. Они сохранены и видны только вам."
    : "Черновик ничем не отличается от действующих правил.";
};

const showEffect = async (again = 0) => {
  const mine = ++asked;
  const answer = await fetch(bar.dataset.effect, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok || answer.redirected || mine !== asked) return;
  const told = await answer.json();
  const link = document.createElement("a");
  link.href = `${bar.dataset.effect.replace(/effect(?=\?|$)/, "changes")}`;
  const past = told.past && told.past[0].toLowerCase() + told.past.slice(1);
  link.textContent = [told.said, past].filter(Boolean).join("; ");
  effect.replaceChildren(link);
  const place = document.getElementById("past");
  if (place && told.past) place.textContent = told.past + (told.pending ? "" : ".");
  if (told.cases) effect.append(line(`Не сошлось случаев: ${told.cases}`, "soft"));
  if (told.pending && again < 20) setTimeout(() => mine === asked && showEffect(again + 1), 1000);
};

let saving = 0;
const isBusy = () => saving > 0 || dirty.size > 0;

const save = async (form) => {
  saving += 1;
  await send(form).finally(() => { saving -= 1; });
};

const post = (form) =>
  fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } }).catch(() => null);

const isRefused = (answer) => answer?.status === 401 || answer?.status === 403 || answer?.redirected;

// It is sent again by itself every few seconds, for as long as the page is open.
const later = (form, words) => {
  failed.add(form);
  said(form, words);
};

const send = async (form) => {
  said(form, "Сохраняем…");
  let answer = await post(form);
  if (isRefused(answer) && (await renewed()) === "yes") answer = await post(form);
  if (!answer || answer.status >= 500) {
    later(form, "Нет связи: пока не сохранено. Текст останется здесь и уйдёт, как только связь появится.");
    return;
  }
  if (isRefused(answer)) {
    later(form, "Вы вышли. Войдите в другой вкладке: написанное сохранится само и не пропадёт.");
    return;
  }
  failed.delete(form);
  const told = await answer.json().catch(() => null);
  if (!answer.ok || !told) {
    said(form, told?.error ? `Не сохранено: ${told.error}` : "Не сохранено. Обновите страницу.");
    return;
  }
  forget(form);
  if (told.stale.length) {
    form.submit();
    return;
  }
  showFaults(form, told.fields);
  showBar(told);
  bar.dataset.edits = told.edits;
  said(form, "Сохранено");
  showEffect();
};

// What was typed and is not on the server yet: nobody gets to another page before it is.
const dirty = new Set();
// What could not be sent; it is kept in the browser, and tried again.
const failed = new Set();
const AGAIN = 4000;
let waiting = Promise.resolve();

const flush = () => {
  for (const form of dirty) {
    dirty.delete(form);
    waiting = waiting.then(() => save(form));
  }
  return waiting;
};

for (const form of document.querySelectorAll("form.edit")) {
  form.addEventListener("input", () => {
    dirty.add(form);
    keep(form);
  });
  form.addEventListener("change", () => {
    dirty.add(form);
    keep(form);
    flush();
  });
  // What a password manager or a program fills in changes without being told as a change.
  form.addEventListener("focusout", () => dirty.has(form) && flush());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    dirty.add(form);
    flush();
  });
  if (putBack(form)) {
    dirty.add(form);
    said(form, "Возвращено то, что не успело сохраниться.");
  }
}

const again = () => {
  failed.forEach((form) => dirty.add(form));
  flush();
};
addEventListener("online", again);
setInterval(() => failed.size && !saving && again(), AGAIN);

// Forms that add something come back as they were filled in, until what they add is in the draft.
const ADDING = 'form.stack[action*="/add/"]';
const edits = () => Number(bar?.dataset.edits ?? 0);
for (const form of document.querySelectorAll(ADDING)) {
  putBack(form);
  form.addEventListener("input", () => keep(form));
}

// What other pages of the rules could not send.
const sendLeft = async (key, { to, fields }) => {
  const token = document.querySelector('input[name="csrf"]').value;
  const body = new URLSearchParams([...fields, ["csrf", token]]);
  const answer = await fetch(to, { method: "POST", body, headers: { Accept: "application/json" } }).catch(() => null);
  const told = answer && !isRefused(answer) ? await answer.json().catch(() => null) : null;
  if (told?.stale?.length) return;
  if (told) drop(key);
  if (told?.edits !== undefined && to.startsWith(location.pathname)) showBar(told);
};
for (const [key, held] of elsewhere(document.querySelectorAll("form.edit, form.stack"))) {
  if (held.isEdit) waiting = waiting.then(() => sendLeft(key, held));
  else if (held.sent !== null && edits() > held.sent) drop(key);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || !isBusy() || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  // What could not be sent is kept, and sent by the next page.
  flush().then(() => location.assign(link.href));
}, true);

// Another form goes once the fields are saved, and there is a session and a network: else it stays as it is.
const going = new WeakSet();
const STAYS = {
  out: "Вы вышли. Войдите в другой вкладке и нажмите ещё раз: написанное здесь не пропадёт.",
  cut: "Нет связи. Нажмите ещё раз, когда она появится: написанное здесь не пропадёт.",
};
const go = async (form, button) => {
  await flush();
  const state = await renewed();
  form.querySelector(".stays")?.remove();
  if (state !== "yes") {
    const told = line(STAYS[state], "stays notice warn");
    told.setAttribute("role", "alert");
    form.append(told);
    return;
  }
  if (form.matches(ADDING)) keep(form, edits());
  going.add(form);
  form.requestSubmit(button);
};
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.classList.contains("edit") || form.method !== "post" || going.delete(form)) return;
  event.preventDefault();
  go(form, event.submitter);
}, true);

// Back, reload, a closed tab: what is in the fields goes out all the same.
addEventListener("pagehide", () => {
  for (const form of dirty) {
    fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" }, keepalive: true });
  }
});

flush();
if (bar?.dataset.differs && effect && !effect.querySelector(".faulty")) showEffect();
