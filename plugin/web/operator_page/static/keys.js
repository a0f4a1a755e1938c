/** The keyboard: whole calls without a mouse. Held keys count once; while something is typed, keys are letters. */

const LETTERS = { KeyP: "note", KeyG: "broken" };

/** `page`: what `main.js` makes of it. */
export function listen(page) {
  const toggle = document.getElementById("hotkeys");
  toggle.checked = stored() !== "off";
  toggle.addEventListener("change", () => store(toggle.checked ? "on" : "off"));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.repeat || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (document.querySelector("dialog[open]")) return;
    const { target } = event;
    if (target.id === "note") {
      if (event.key === "Escape") page.focusStage();
      return;
    }
    if (target.matches("input:not([type=checkbox]), textarea, select")) {
      if (event.key === "Backspace" && target.id === "typed" && target.value === "") act(event, () => page.back());
      return;
    }
    if (toggle.checked) press(page, event);
  });
}

function press(page, event) {
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1] ?? (/^[0-9]$/.test(event.key) ? event.key : null);
  if (event.shiftKey && digit) return;
  if (digit === "0") act(event, () => page.openOther());
  else if (digit) act(event, () => page.choose(Number(digit) - 1));
  else if (event.key === "Backspace") act(event, () => page.back());
  else if (event.key === "Enter") enter(page, event);
  else if (LETTERS[event.code] === "note") act(event, () => document.getElementById("note").focus());
  else if (LETTERS[event.code] === "broken") act(event, () => page.openBroken());
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
