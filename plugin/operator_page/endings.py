"""The end of a conversation as the page shows it before anything is sent: what is said, written, and to whom.

Texts come line by line with the gaps that only the page can fill (``ruleset.template``): the call, what was
typed in, the operator's note, the deadline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.facts import spelt
from plugin.deciding.decision.model import Decision
from plugin.deciding.ruleset import LABELS, Template
from plugin.deciding.ruleset.model import ActionSpec, TargetSpec
from plugin.deciding.ruleset.people import recipient_of
from plugin.deciding.ruleset.values import FactValue

_CARD = ("card.id", "card.name", "card.url")


@dataclass(frozen=True, slots=True)
class PageEnding:
    """The decision after these facts. ``answer_words``: the answers in words, None for one typed in on the page."""

    decision: Decision
    facts: Mapping[str, FactValue]
    answer_words: Mapping[str, str | None]


def ending_node(decider: Decider, ending: PageEnding) -> dict[str, Any]:
    """``{"outcome", "label", "say", "read", "about", "actions", "target"}``.

    An action is ``{"id", "kind", "text"}`` and a reminder's ``role``, ``subject``, ``hours``, ``email``. ``target``
    (or null) is whose card it is written to instead: ``name`` and ``phone``, and the lines written to the call's card
    where that one is not found, ``comment`` and ``reminder``.
    """
    script, outcome = decider.script, ending.decision.outcome
    assert outcome is not None
    spec = script.outcomes[outcome]
    actions = decider.actions(outcome, ending.facts)
    target = _target(decider, ending) if actions else None
    fill = _Filling(decider, ending, about_another=target is not None)
    return {
        "outcome": outcome,
        "label": spec.label,
        "say": spec.say,
        "read": spec.read,
        "about": spec.about,
        "actions": [_action(action, fill) for action in actions],
        "target": None if target is None else _target_node(decider, target, fill),
    }


def unfinished_node(decider: Decider, call_facts: Mapping[str, FactValue]) -> dict[str, Any]:
    """What is written where the operator hands the call over: reminders with gaps for all answers given."""
    subject, text = decider.script.texts["unfinished_subject"], decider.script.texts["unfinished"]
    reminders = [
        {
            "id": "unfinished",
            "kind": "reminder",
            "role": recipient_of(role, person),
            "subject": subject.fill({}),
            "hours": decider.promise_hours,
            "email": True,
            "text": lines(text),
        }
        for role in decider.unfinished_roles
        for person in decider.people(role, call_facts)
    ]
    return {"outcome": None, "label": subject.fill({}), "say": None, "actions": reminders, "target": None}


def lines(template: Template) -> list[Any]:
    """Its lines as JSON: a text, or ``[stays, literal, name, literal, …]``."""
    return [line if isinstance(line, str) else [line[0], *line[1]] for line in template.lines()]


class _Filling:
    """Fills in what is known of the answers and leaves open what the page knows."""

    def __init__(self, decider: Decider, ending: PageEnding, *, about_another: bool) -> None:
        script = decider.script
        typed = {name for name, words in ending.answer_words.items() if words is None}
        self._names = {f"fact.{name}" for name in script.facts if name not in typed}
        self._values: dict[str, str | None] = {
            f"fact.{name}": words for name, words in ending.answer_words.items() if words is not None
        }
        for name in decider.sources:
            if name in ending.facts:
                self._values[f"fact.{name}"] = spelt(script.facts[name], ending.facts[name])
        for step in ending.decision.transcript:
            # Answered before this tree begins: typed values as texts spell them, ready ones by their labels.
            self._values.setdefault(f"fact.{step.fact}", _words(decider, step.rule, step.fact, step.answer))
        for name in typed:
            self._values.pop(f"fact.{name}", None)
        if about_another:
            self._names |= set(_CARD)
            self._values |= {name: LABELS[name] for name in _CARD}

    def __call__(self, template: Template) -> list[Any]:
        return lines(template.bind(self._values, self._names))


def _words(decider: Decider, question: str, fact: str, value: FactValue) -> str:
    labels = (asked.label_of(value) for asked in decider.script.questions if asked.id == question)
    return next(labels, None) or spelt(decider.script.facts[fact], value)


def _action(action: ActionSpec, fill: _Filling) -> dict[str, Any]:
    node: dict[str, Any] = {"id": action.id, "kind": action.kind, "text": fill(action.text)}
    if action.role is not None:
        node |= {
            "role": recipient_of(action.role, action.person),
            "subject": action.subject,
            "hours": action.due_in_hours,
            "email": action.email,
        }
    return node


def _target(decider: Decider, ending: PageEnding) -> TargetSpec | None:
    if not any(action.target for action in ending.decision.actions):
        return None
    return decider.script.target(decider.fired(ending.facts))


def _target_node(decider: Decider, target: TargetSpec, fill: _Filling) -> dict[str, Any]:
    texts = decider.script.texts
    return {
        "name": fill(target.name),
        "phone": fill(target.phone),
        # With the gaps ``target.name`` and ``target.phone``.
        "comment": lines(texts["other_client_comment"]),
        "reminder": lines(texts["other_client_reminder"]),
    }
