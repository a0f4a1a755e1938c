/** The notices of a page: each shown once under its name, and read out by screen readers. */

/** Show `words` in the box #notices; null removes what is there under this name. */
export function notice(name, words, kind = "", button = null) {
  const box = document.getElementById("notices");
  const there = box.querySelector(`[data-name="${CSS.escape(name)}"]`);
  if (!words) {
    there?.remove();
    return;
  }
  if (there?.firstChild?.textContent === words) return;
  const told = document.createElement("p");
  told.className = `notice ${kind}`;
  told.dataset.name = name;
  told.append(words);
  if (button) told.append(" ", button);
  if (there) there.replaceWith(told);
  else box.append(told);
}
