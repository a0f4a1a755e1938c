/** Tells the styles how much room there is, measured in the page's own letters: low or narrow, also when they are doubled. */

import { make } from "./dom.js";

/** In letters' heights (rem): below this the answers are docked, and below this the page has one column. */
const LOW = 50;
const NARROW = 60;

export function followSize() {
  const probe = make("div", { class: "probe", "aria-hidden": "true" });
  document.body.append(probe);
  let wasNarrow = null;
  const update = () => {
    const rem = probe.offsetWidth || 16;
    const narrow = innerWidth / rem < NARROW;
    document.body.classList.toggle("narrow", narrow);
    document.body.classList.toggle("docked", narrow || innerHeight / rem < LOW);
    document.body.classList.toggle("tight", innerHeight / rem < LOW / 2);
    if (narrow !== wasNarrow) for (const box of document.querySelectorAll(".side details")) showBox(box, narrow);
    wasNarrow = narrow;
  };
  new ResizeObserver(update).observe(probe);
  addEventListener("resize", update);
  update();
}

/** In a column of its own a box is open for good; above the phrase it is one line that opens. */
function showBox(box, narrow) {
  box.open = !narrow;
  box.querySelector("summary").tabIndex = narrow ? 0 : -1;
}
