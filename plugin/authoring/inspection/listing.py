"""The conversations of a script one by one: what is answered, how it ends, what is then written and to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from plugin.authoring.inspection.tree import CUT, MOST_CONVERSATIONS, TreeQuestion, TreeRow, grow, rows
from plugin.authoring.inspection.wording import ABOUT, asked_words, named, suppression_words, term_words, wording
from plugin.deciding.decision.compiled_rules import Role, Rulebook
from plugin.deciding.decision.model import Target
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.model import ActionSpec
from plugin.deciding.ruleset.people import recipient_of


@dataclass(frozen=True, slots=True)
class ActionLine:
    """A comment, or one reminder for everybody who gets it (``recipients``: the roles' labels)."""

    kind: str
    text: str
    recipients: tuple[str, ...] = ()
    subject: str | None = None
    due_in_hours: int | None = None
    email: bool = False
    working: bool = False

    @property
    def is_reminder(self) -> bool:
        return self.kind == "reminder"

    def heading(self) -> str:
        """What it is, in a few words."""
        if not self.is_reminder:
            return "комментарий в карточку"
        return f"напоминание: {', '.join(self.recipients)}"

    def terms(self) -> str:
        """A reminder's subject, term and mail."""
        mail = "с письмом" if self.email else "без письма"
        return f"тема «{self.subject}», срок {term_words(self.due_in_hours, self.working)}, {mail}"


@dataclass(frozen=True, slots=True)
class ListedStep:
    """One answer. ``fact``: what is found out, in a few words; ``question``: the phrase or the hint."""

    name: str
    fact: str
    question: str
    answer: str
    ready: bool

    def spelt(self) -> str:
        """The answer; one that is no label of the question's is told with what it answers."""
        return self.answer if self.ready or self.answer == named(self.fact) else f"{self.fact}: {self.answer}"


@dataclass(frozen=True, slots=True)
class ListedConversation:
    """One conversation. ``fault`` says why it has no outcome; ``card``: whose card, where not the call's."""

    number: int
    steps: tuple[ListedStep, ...]
    outcome: str | None
    label: str
    say: str | None
    actions: tuple[ActionLine, ...]
    card: str | None
    fault: bool


@dataclass(frozen=True, slots=True)
class ListedOutcome:
    """An outcome by itself, its texts with all their gaps named, and in how many conversations it stands.

    ``read``: how ``say`` is read out, where that is not as it is recorded. ``about``: whom it is about, in words, where
    that is not the card's client.
    ``number``: what becomes of the call's number, in words.
    """

    name: str
    label: str
    say: str | None
    read: str | None
    about: str | None
    actions: tuple[ActionLine, ...]
    used: int
    number: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScriptListing:
    """All conversations of one script. ``cut``: there are more than these."""

    script: str
    title: str
    revision: str
    lines: tuple[ListedConversation, ...]
    endings: tuple[ListedOutcome, ...]
    cut: bool

    @property
    def faults(self) -> int:
        """How many conversations have no outcome."""
        return sum(line.fault for line in self.lines)

    def questions(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """What is found out and how it is asked → the answers, all in the order of the conversations."""
        found: dict[tuple[str, str], dict[str, None]] = {}
        for line in self.lines:
            for step in line.steps:
                found.setdefault((step.fact, step.question), {}).setdefault(step.answer)
        return {question: tuple(answers) for question, answers in found.items()}


def listings(rulebook: Rulebook, names: Iterable[str]) -> list[ScriptListing]:
    """The sheets of these scripts. Raises InputError for an unknown one."""
    return [listing(rulebook, name) for name in names]


def listing(rulebook: Rulebook, name: str, most: int = MOST_CONVERSATIONS) -> ScriptListing:
    """The sheet of one script."""
    decider = rulebook.script(name)
    tree = grow(decider, most)
    ended = (row for row in rows(tree.root) if row.end.fault != CUT)
    lines = tuple(_line(number, row, decider.script, rulebook.roles) for number, row in enumerate(ended, 1))
    used = [line.outcome for line in lines]
    endings = tuple(
        ListedOutcome(
            outcome.name,
            outcome.label,
            outcome.say,
            outcome.read,
            ABOUT[outcome.about] if outcome.about == "number" else None,
            action_lines(outcome.actions, rulebook.roles, lambda action: wording(decider.script, action.text)),
            used.count(outcome.name),
            suppression_words(outcome),
        )
        for outcome in decider.script.outcomes.values()
    )
    return ScriptListing(name, decider.title, rulebook.revision, lines, endings, tree.cut)


def action_lines(
    actions: Iterable[ActionSpec], roles: Mapping[str, Role], text_of: Callable[[ActionSpec], str]
) -> tuple[ActionLine, ...]:
    """Actions in words; reminders that differ by their role alone are one."""
    lines: list[ActionLine] = []
    for action in actions:
        label = (role_label(roles, recipient_of(action.role, action.person)),) if action.role else ()
        terms = (action.subject, action.due_in_hours, action.email, action.working)
        line = ActionLine(action.kind, text_of(action), label, *terms)
        if lines and line.is_reminder and replace(lines[-1], recipients=label) == line:
            lines[-1] = replace(line, recipients=lines[-1].recipients + label)
        else:
            lines.append(line)
    return tuple(lines)


def role_label(roles: Mapping[str, Role], name: str) -> str:
    """The role in the admin's words."""
    return roles[name].label if name in roles else name


def card_words(target: Target) -> str:
    """Whose card."""
    return "в карточку другого клиента: " + ", ".join(part for part in target if part)


def _line(number: int, row: TreeRow, script: Script, roles: Mapping[str, Role]) -> ListedConversation:
    steps = tuple(_step(ask, branch.label) for ask, branch in row.steps)
    outcome = script.outcomes.get(row.end.outcome or "")
    if outcome is None:
        return ListedConversation(number, steps, None, row.end.fault or "", None, (), None, fault=True)
    known = row.known(script)
    done = action_lines(row.end.actions, roles, lambda action: wording(script, action.text, known))
    card = card_words(row.target) if row.target and done else None
    return ListedConversation(number, steps, outcome.name, outcome.label, outcome.say, done, card, fault=False)


def _step(ask: TreeQuestion, answer: str) -> ListedStep:
    asked = asked_words(ask.question) if ask.question else f"Из звонка: {ask.fact.label}"
    ready = ask.question is not None and ask.fact.listed != ()
    return ListedStep(ask.fact.name, ask.fact.label, asked, answer, ready)
