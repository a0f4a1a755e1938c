"""A conversation tried out by hand: what is asked after some answers, or what is written in the end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.conversations import reach
from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.facts import spelt
from plugin.deciding.decision.model import Decision
from plugin.deciding.ruleset.model import Fact
from plugin.deciding.ruleset.people import addressee
from plugin.deciding.ruleset.values import SKIPPED, FactValue
from plugin.errors import BadFacts

Said = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RehearsedStep:
    """An answered question; ``back``: the answers before it, to begin again from there."""

    asked: str
    said: str
    back: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RehearsedRecord:
    """What would be written: to whom (None: a comment in the card), under which subject, until when."""

    whom: str | None
    subject: str | None
    due: str
    text: str
    card: str | None


class Rehearsal:
    """Some answers to a script of a revision; ``answers`` are pairs of a fact and what was typed or chosen."""

    def __init__(self, book: Rulebook, script: str, answers: Sequence[Said]) -> None:
        self._book = book
        self.decider: Decider = book.script(script)
        self.answers = [one for one in answers if one[0] in self.decider.script.facts]
        self.facts: dict[str, FactValue] = {}
        self.refused = ""
        try:
            typed = {name: self._value(name, text) for name, text in self.answers if text != SKIPPED_WORD}
            self.facts = self.decider.type_facts(typed)
            self.facts |= {name: SKIPPED for name, text in self.answers if text == SKIPPED_WORD}
        except BadFacts as error:
            self.refused = f"Ответ «{error.errors[0].given}» не подходит"
        end = reach(self.decider, self.facts)
        self.decision: Decision | None = end.decision
        self.fault = end.fault

    @property
    def so_far(self) -> tuple[str, ...]:
        """The answers as the address has them."""
        return tuple(f"{name}={text}" for name, text in self.answers)

    @property
    def is_over(self) -> bool:
        """Whether nothing more is asked."""
        return self.decision is not None and self.decision.outcome is not None and self.decision.next is None

    @property
    def steps(self) -> list[RehearsedStep]:
        """What was asked and answered, in its order."""
        found = []
        for step in self.decision.transcript if self.decision else ():
            question = next(one for one in self.decider.script.questions if one.id == step.rule)
            fact = self.decider.script.facts[step.fact]
            said = question.label_of(step.answer) or spelt(fact, step.answer)
            names = [name for name, _ in self.answers]
            at = names.index(step.fact) if step.fact in names else len(names)
            found.append(RehearsedStep(step.say or question.hint or fact.label, said, self.so_far[:at]))
        return found

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The ready answers of the next question: as the address has each, and in words."""
        asked = self.decision.next if self.decision else None
        if asked is None:
            return []
        found = [(f"{asked.fact}={_text(answer.value)}", answer.label) for answer in asked.answers]
        return [*found, (f"{asked.fact}={SKIPPED_WORD}", "Пропустить вопрос")] if asked.optional else found

    @property
    def outcome(self) -> str:
        """The outcome in words."""
        name = self.decision.outcome if self.decision else None
        return self.decider.outcome_label(name) if name else ""

    @property
    def records(self) -> list[RehearsedRecord]:
        """What would be written."""
        found = []
        for action in self.decision.actions if self.decision else ():
            role = addressee(self._book.roles, action.recipient or "") if action.role else None
            whom = f"{role.label}: {role.address or role.crm_user}" if role else action.role
            due = f"{action.due_in_hours} ч" if action.due_in_hours else ""
            card = action.target.name if action.target else None
            found.append(RehearsedRecord(whom, action.subject, due, action.text, card))
        return found

    @property
    def name(self) -> str:
        """What a case of this conversation would be called."""
        return " → ".join(step.said for step in self.steps)[:120] or "Начало разговора"

    def case(self) -> dict[str, Any]:
        """A case that expects what came out."""
        facts = {name: value for name, value in self.facts.items() if value is not SKIPPED}
        if self.decision is None:
            return {"facts": facts}
        if self.decision.outcome is None:
            return {"facts": facts, "next": self.decision.next.fact if self.decision.next else ""}
        comments = "\n".join(action.text for action in self.decision.actions if action.kind == "comment")
        reminders = [str(action.recipient) for action in self.decision.actions if action.kind == "reminder"]
        told: dict[str, Any] = {"facts": facts, "outcome": self.decision.outcome}
        if self.decision.say:
            told["say"] = self.decision.say
        return told | {"comment": comments, "remind": reminders}

    def _value(self, name: str, text: str) -> Any:
        fact: Fact = self.decider.script.facts[name]
        if fact.type in ("text", "choice", "date", "datetime"):
            return text
        try:
            return json.loads(text.replace(",", "."))
        except ValueError:
            return text


#: Stands for the answer in an address where an optional question is passed over.
SKIPPED_WORD = "~"


def _text(value: FactValue) -> str:
    return json.dumps(value) if not isinstance(value, str) else value
