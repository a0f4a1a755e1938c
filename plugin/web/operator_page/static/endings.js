/** The end of a call in one shape, whether from the tree on the page or from the server's preview. */

import { fill } from "./texts.js";

const HOUR = 3600000;

/**
 * `{outcome, label, say, complete, same, writes, target, shown, exact}` of an end in the tree.
 * `told`: lines below each text, the answers of a call that is handed over. `shown` goes back with the confirmation; `exact` false: worked out on this page alone.
 */
export function endingOf(node, data, values, began, told = []) {
  const due = (hours) => new Date(began.getTime() + hours * HOUR);
  const target = node.target && {
    name: fill(node.target.name, values),
    phone: fill(node.target.phone, values),
  };
  const more = target ? { ...values, "target.name": target.name, "target.phone": target.phone } : values;
  const writes = node.actions.map((action) => {
    const written = { kind: action.kind, text: [fill(action.text, values), ...told].join("\n"), fallback: null };
    if (target) written.fallback = fill(node.target[action.kind], more);
    if (!action.role) return written;
    const role = data.roles[action.role] ?? { to: action.role, address: null };
    const mail = action.email ? role.address : null;
    return { ...written, to: role.to, subject: action.subject, due: due(action.hours), mail };
  });
  return {
    outcome: node.outcome,
    label: node.label,
    say: node.say,
    read: node.read,
    about: node.about,
    complete: node.outcome !== null,
    same: false,
    writes,
    target,
    shown: {
      outcome: node.outcome,
      // As the server tells it: a call that is handed over has no outcome, and thus no actions of one.
      actions: node.outcome === null ? [] : node.actions.map((action) => action.id),
      target: target ? target.name : null,
    },
    exact: false,
  };
}

/** The same shape from the server's preview. */
export function previewedEnding(answer) {
  return {
    outcome: answer.outcome,
    label: answer.label,
    say: answer.say,
    read: answer.read,
    about: answer.about,
    complete: answer.complete,
    same: answer.same,
    writes: answer.writes.map((write) => ({ ...write, due: write.due_at ? new Date(write.due_at) : null })),
    target: answer.target ?? null,
    shown: {
      outcome: answer.complete ? answer.outcome : null,
      actions: answer.complete ? answer.actions : [],
      target: answer.target?.name ?? null,
    },
    exact: true,
  };
}

/** Whether both are the same end for the same client. */
export function isSame(one, other) {
  return JSON.stringify(one.shown) === JSON.stringify(other.shown);
}

/** Reminders that say the same are one, with several recipients. */
export function grouped(writes) {
  const groups = [];
  for (const write of writes) {
    const alike = groups.find(
      (group) => group.kind === write.kind && write.to && group.text === bare(write.text) && group.subject === write.subject,
    );
    const mark = MARK.exec(write.text)?.[1];
    if (alike) {
      alike.people.push(write);
      alike.marks.push(mark);
    } else {
      groups.push({ ...write, text: bare(write.text), people: write.to ? [write] : [], marks: mark ? [mark] : [] });
    }
  }
  return groups;
}

/** The last line by which a record is found again: each has its own. */
const MARK = /\n?(\[ref:[0-9a-f]+\])$/;

function bare(text) {
  return text.replace(MARK, "");
}
