/** Reads the log of a call: current answers, place in the conversation, notes, end. Pure. */

/** The answers that were not retracted, in the order of the conversation: the log's own entries. */
export function currentAnswers(log) {
  let answers = [];
  for (const entry of log) {
    const place = answers.findIndex((answer) => answer.fact === entry.fact);
    if (entry.kind === "answer") {
      if (place >= 0) answers[place] = entry;
      else answers.push(entry);
    } else if (entry.kind === "back" && place >= 0) {
      answers = answers.slice(0, place);
    }
  }
  return answers;
}

/** Facts by name; null for an answer that was retracted. */
export function factsToReport(log) {
  const facts = {};
  for (const entry of log) if (entry.kind === "answer") facts[entry.fact] = null;
  return Object.assign(facts, factsOf(currentAnswers(log)));
}

export function factsOf(answers) {
  return Object.fromEntries(answers.map((answer) => [answer.fact, answer.value]));
}

/** The key under which the server's continuation after these answers is stored. */
export function graftKey(answers) {
  return JSON.stringify(answers.map((answer) => [answer.fact, answer.value]));
}

/**
 * Follow the answers through the tree. `node` is what comes next; null where the server has to be asked first
 * (`asking`). `misfit` is an answer that this conversation does not ask for, or does not offer.
 */
export function walk(tree, grafts, answers) {
  const steps = [];
  let nodes = tree.nodes;
  let node = nodes[tree.start];
  for (const answer of answers) {
    if (!node || node.fact !== answer.fact) return { steps, node, asking: false, misfit: answer };
    let next = node.next;
    if (answer.value === null) {
      if (!("skip" in node)) return { steps, node, asking: false, misfit: answer };
      next = node.skip;
    } else if (node.answers) {
      const chosen = node.answers.find((offered) => offered.value === answer.value);
      if (!chosen) return { steps, node, asking: false, misfit: answer };
      next = chosen.next;
    }
    steps.push({ node, answer });
    if (next === null || next === undefined) {
      const graft = grafts[graftKey(steps.map((step) => step.answer))];
      if (!graft) return { steps, node: null, asking: true, misfit: answers[steps.length] ?? null };
      nodes = graft.nodes;
      next = graft.start;
    }
    node = nodes[next];
  }
  return { steps, node, asking: false, misfit: null };
}

/** The entry by which the call ended, null if the conversation was resumed since. */
export function ended(log) {
  for (let place = log.length - 1; place >= 0; place -= 1) {
    const { kind } = log[place];
    if (kind === "confirmed" || kind === "unfinished") return log[place];
    if (kind === "answer" || kind === "back" || kind === "resumed") return null;
  }
  return null;
}

/** The last entry by which the call ended, whether or not it was resumed since. */
export function lastEnd(log) {
  return log.findLast((entry) => entry.kind === "confirmed" || entry.kind === "unfinished") ?? null;
}

/** The operator's note at a step (null: at the end), as it stands. */
export function noteAt(log, fact) {
  return log.findLast((entry) => entry.kind === "note" && entry.fact === fact)?.text ?? "";
}

/** All notes as one text, as the reminder has it; `labels` name the steps, `broken` says that the call broke off. */
export function wholeNote(log, labels, broken) {
  const lines = [];
  const noted = new Set(log.filter((entry) => entry.kind === "note").map((entry) => entry.fact));
  for (const fact of noted) {
    const text = noteAt(log, fact).trim();
    if (text) lines.push(text);
  }
  for (const entry of log) {
    if (entry.kind === "other" && entry.fact in labels) {
      lines.push(`На вопрос «${labels[entry.fact]}» клиент сказал: «${entry.text}»`);
    }
  }
  if (broken) lines.push("Разговор прервался.");
  return lines.join("\n").slice(0, 9000);
}

/** Which of two logs of one call went on later. */
export function isNewer(log, other) {
  const last = (entries) => (entries.length ? Date.parse(entries[entries.length - 1].at) : 0);
  return last(log) !== last(other) ? last(log) > last(other) : log.length > other.length;
}
