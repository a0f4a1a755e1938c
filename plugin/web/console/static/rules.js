// Saves a field of the rules as soon as it is left, and tells of its faults and of what would change.
// Everything works without this: each card has a button, and each page says what would change under a link.

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
  if (!answer?.ok || mine !== asked) return;
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

const send = async (form) => {
  said(form, "Сохраняем…");
  const sent = new FormData(form);
  const answer = await fetch(form.action, { method: "POST", body: sent, headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer) {
    said(form, "Нет связи: не сохранено. Нажмите «Сохранить», когда она появится.");
    return;
  }
  if (answer.status === 401 || answer.status === 403 || answer.redirected) {
    said(form, "Вы вышли. Войдите в другой вкладке и нажмите «Сохранить»: написанное здесь не пропадёт.");
    return;
  }
  const told = await answer.json().catch(() => null);
  if (!answer.ok || !told) {
    said(form, told?.error ? `Не сохранено: ${told.error}` : "Не сохранено. Обновите страницу.");
    return;
  }
  if (told.stale.length) {
    form.submit();
    return;
  }
  showFaults(form, told.fields);
  showBar(told);
  said(form, "Сохранено");
  showEffect();
};

// What was typed and is not on the server yet: nobody gets to another page before it is.
const dirty = new Set();
let waiting = Promise.resolve();

const flush = () => {
  for (const form of dirty) {
    dirty.delete(form);
    waiting = waiting.then(() => save(form));
  }
  return waiting;
};

for (const form of document.querySelectorAll("form.edit")) {
  form.addEventListener("input", () => dirty.add(form));
  form.addEventListener("change", () => {
    dirty.add(form);
    flush();
  });
  form.addEventListener("submit", () => dirty.delete(form));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || !isBusy() || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  flush().then(() => location.assign(link.href));
}, true);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!isBusy() || form.classList.contains("edit")) return;
  event.preventDefault();
  flush().then(() => form.submit());
}, true);

// Back, reload, a closed tab: what is in the fields goes out all the same.
addEventListener("pagehide", () => {
  for (const form of dirty) {
    fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" }, keepalive: true });
  }
});

if (bar?.dataset.differs && effect && !effect.querySelector(".faulty")) showEffect();
