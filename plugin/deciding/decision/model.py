"""What a decision is: the outcome, what to say, what to do, and how the conversation got there (contract 3.2).

Named tuples: immutable, and several times quicker to make than frozen dataclasses.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from plugin.deciding.ruleset.people import recipient_of
from plugin.deciding.ruleset.values import Answer, FactValue


class NextQuestion(NamedTuple):
    """What to ask next. ``say`` is read out word for word; without one, ``hint`` tells what to find out.

    ``optional``: the conversation may go on without an answer.
    """

    fact: str
    say: str | None
    hint: str | None
    answers: tuple[Answer, ...]
    optional: bool = False


class TranscriptStep(NamedTuple):
    """One answered question of the conversation and the rule that asked it."""

    rule: str
    fact: str
    say: str | None
    answer: FactValue


class Target(NamedTuple):
    """Whose card an action is written to, when not the call's: the one contact with this name and phone."""

    name: str | None
    phone: str | None

    def to_json(self) -> dict[str, Any]:
        return {"find": {"name": self.name, "phone": self.phone}}


class Action(NamedTuple):
    """One thing to do in the CRM. ``kind`` is ``comment`` or ``reminder``; the fields below it are a reminder's.

    ``person``: of a role with several people the one who is reminded. ``working``: it is due at the last working moment
    before ``due_in_hours`` are over.
    """

    id: str
    kind: str
    text: str
    role: str | None = None
    subject: str | None = None
    due_in_hours: int | None = None
    email: bool = False
    target: Target | None = None
    person: str | None = None
    working: bool = False

    @property
    def recipient(self) -> str | None:
        """Whom it is addressed to (``ruleset.people``); None for a comment."""
        return None if self.role is None else recipient_of(self.role, self.person)

    def to_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"id": self.id, "kind": self.kind}
        if self.kind == "reminder":
            body |= {"role": self.role} | ({"person": self.person} if self.person else {})
            body |= {"subject": self.subject, "text": self.text}
            body |= {"due_in_hours": self.due_in_hours, "email": self.email}
            body |= {"due": "working"} if self.working else {}
        else:
            body["text"] = self.text
        if self.target:
            body["target"] = self.target.to_json()
        return body


class Decision(NamedTuple):
    """The answer of the rules to some facts. Immutable: decisions seen before are handed out again.

    A complete one has a ``next`` where only optional questions are left.
    """

    ruleset: str
    complete: bool
    outcome: str | None
    next: NextQuestion | None
    transcript: tuple[TranscriptStep, ...]
    say: str | None
    actions: tuple[Action, ...]

    def to_json(self) -> dict[str, Any]:
        """The decision as contract 3.2 spells it."""
        return {
            "ruleset": self.ruleset,
            "complete": self.complete,
            "outcome": self.outcome,
            "next": None if self.next is None else _question_to_json(self.next),
            "transcript": [
                {"rule": step.rule, "fact": step.fact, "say": step.say, "answer": step.answer}
                for step in self.transcript
            ],
            "say": self.say,
            "actions": [action.to_json() for action in self.actions],
        }


def _question_to_json(question: NextQuestion) -> dict[str, Any]:
    body: dict[str, Any] = {
        "fact": question.fact,
        "say": question.say,
        "hint": question.hint,
        "answers": [{"value": answer.value, "label": answer.label} for answer in question.answers],
    }
    return body | ({"optional": True} if question.optional else {})
