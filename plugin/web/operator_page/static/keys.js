/** The keyboard: whole calls without a mouse. Held keys count once; while something is typed, keys are letters. */

/** By the letter first, whatever layout it comes from; where no letter of these is on the key, by its place. */
const LETTERS = { п: "broken", g: "broken", з: "note", p: "note" };
const PLACES = { KeyG: "broken", KeyP: "note" };
const FIELDS = "input:not([type=checkbox], [type=radio]), textarea, select";

/** `page`: what `main.js` makes of it. */
export function listen(page) {
  const toggle = document.getElementById("hotkeys");
  toggle.checked = stored() !== "off";
  const show = () => document.body.classList.toggle("no-keys", !toggle.checked);
  toggle.addEventListener("change", () => {
    store(toggle.checked ? "on" : "off");
    show();
  });
  show();
  // While something is typed letters and digits are part of it: the keys of buttons are not shown.
  const typing = () => document.body.classList.toggle("typing", document.activeElement.matches(FIELDS));
  document.addEventListener("focusin", typing);
  document.addEventListener("focusout", () => setTimeout(typing));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.repeat || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (document.querySelector("dialog[open]")) return;
    const { target } = event;
    if (target.matches(FIELDS)) typedIn(page, event, target);
    else if (toggle.checked) press(page, event);
  });
}

/** Esc leaves the field, so that keys are keys again; Backspace in an empty answer goes a step back. */
function typedIn(page, event, target) {
  if (event.key === "Escape") act(event, () => page.leaveField());
  else if (event.key === "Backspace" && target.id === "typed" && target.value === "") act(event, () => page.back());
}

function press(page, event) {
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1] ?? (/^[0-9]$/.test(event.key) ? event.key : null);
  if (event.shiftKey && digit) return;
  const letter = event.key.toLowerCase();
  const named = /^[a-zа-яё]$/.test(letter) ? LETTERS[letter] : PLACES[event.code];
  if (digit === "0") act(event, () => page.openOther());
  else if (digit) act(event, () => page.choose(Number(digit) - 1));
  else if (event.key === "-") act(event, () => page.skip());
  else if (event.key === "Backspace") act(event, () => page.back());
  else if (event.key === "Enter") enter(page, event);
  else if (named === "note") act(event, () => page.openNote());
  else if (named === "broken") act(event, () => page.openBroken());
}

/** A button that has the focus is pressed by itself. */
function enter(page, event) {
  if (event.target.closest("button, a, summary, label, input")) return;
  const main = document.querySelector("#stage button.main");
  if (main) act(event, () => main.click());
}

function act(event, callback) {
  event.preventDefault();
  callback();
}

function stored() {
  try {
    return localStorage.getItem("optout-keys");
  } catch {
    return null;
  }
}

function store(value) {
  try {
    localStorage.setItem("optout-keys", value);
  } catch {
    // Then it holds until the page is left.
  }
}
