/** Makes elements. Texts stay texts: no input becomes markup. */

/** `make("p", {class: "say"}, "text", child, null)` */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Call back after the next paint; in a hidden tab, which paints nothing, soon. */
export function afterPaint(callback) {
  let done = false;
  const once = () => {
    if (!done) callback();
    done = true;
  };
  requestAnimationFrame(() => setTimeout(once));
  setTimeout(once, 200);
}

export function key(name) {
  return make("kbd", { "aria-hidden": "true", class: name === "Backspace" ? "back" : null }, name);
}
