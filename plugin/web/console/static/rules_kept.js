// What was typed and has not reached the server: kept in the browser, by who typed it, until it has.
// After a reload, Back, a lost network or the end of a session, the next page of the rules puts it back or sends it.

const bar = document.getElementById("bar");
const prefix = `optout-rules:${bar?.dataset.me ?? ""}:`;
const ABOUT = ["card", "here", "what", "entry", "number", "name"];

const store = (does) => {
  try {
    return does(localStorage);
  } catch {
    // A browser that keeps nothing: everything else works all the same.
    return null;
  }
};

const pathOf = (form) => new URL(form.action).pathname;
const keyOf = (form) => prefix + [pathOf(form), ...ABOUT.map((name) => form.elements.namedItem(name)?.value ?? "")].join("|");
const typedIn = (fields) => JSON.stringify(fields.filter(([name]) => !name.startsWith("was:")));
const fieldsOf = (form) => [...new FormData(form)].filter(([name, value]) => name !== "csrf" && typeof value === "string");

// ``sent``: how many edits the draft had when the form was sent; null: it was only typed into.
export const keep = (form, sent = null) => {
  const held = { to: pathOf(form), isEdit: form.classList.contains("edit"), fields: fieldsOf(form), sent };
  store((kept) => kept.setItem(keyOf(form), JSON.stringify(held)));
};

export const forget = (form) => drop(keyOf(form));
export const drop = (key) => store((kept) => kept.removeItem(key));

// All that is kept of this person but what the forms of this page hold: pairs of a key and what it holds.
export const elsewhere = (forms) => {
  const here = new Set([...forms].map(keyOf));
  const found = store((kept) => Object.keys(kept).filter((key) => key.startsWith(prefix) && !here.has(key)));
  return (found ?? []).map((key) => [key, JSON.parse(store((kept) => kept.getItem(key)))]);
};

// Puts what was kept into the form; whether that is something else than stood there.
export const putBack = (form) => {
  const text = store((kept) => kept.getItem(keyOf(form)));
  if (!text) return false;
  const { fields } = JSON.parse(text);
  if (typedIn(fieldsOf(form)) === typedIn(fields)) {
    forget(form);
    return false;
  }
  for (const input of form.elements) {
    if (!input.name || input.name === "csrf" || input.type === "submit") continue;
    const values = fields.filter(([name]) => name === input.name).map(([, value]) => value);
    if (input.type === "checkbox") input.checked = values.includes(input.value);
    else if (values.length) input.value = values[0];
  }
  return true;
};

const TOKENS = 'input[name="csrf"]';

// The page's forms get the token of the session that there is now: "yes", "out" where there is none, "cut" without
// a network.
export const renewed = async () => {
  // The list of scripts is small, and has a form on it.
  const answer = await fetch(document.querySelector(".crumbs a").href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer || answer.status >= 500) return "cut";
  if (answer.redirected) return "out";
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const token = page.querySelector(TOKENS)?.value;
  if (!token) return "out";
  document.querySelectorAll(TOKENS).forEach((input) => { input.value = token; });
  return "yes";
};
