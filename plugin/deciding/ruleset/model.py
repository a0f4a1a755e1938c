"""The rules folder as data: vocabulary, questions, rules, outcomes, roles. Immutable."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plugin.deciding.engine.network import Pattern
from plugin.deciding.ruleset.predicates import Wanted
from plugin.deciding.ruleset.template import Template
from plugin.deciding.ruleset.value_classes import Classes
from plugin.deciding.ruleset.values import Answer, FactValue


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is found out: asked by a question, or brought along by the call in its field ``source``.

    ``type`` is bool, choice (one of ``values``), text, number, date or datetime; the last three may have bounds.
    """

    name: str
    type: str
    label: str
    values: tuple[str, ...] = ()
    least: FactValue | None = None
    most: FactValue | None = None
    source: str | None = None

    @property
    def listed(self) -> tuple[FactValue, ...]:
        """Every value, where they can be listed."""
        return (True, False) if self.type == "bool" else self.values


@dataclass(frozen=True, slots=True)
class Derived:
    """Something that rules conclude and other rules match."""

    name: str
    label: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a rule wants of a fact or a derived fact.

    ``patterns``: the same as the engine matches it. ``written``: as it stands in the rules, for explanations.
    """

    subject: str
    wanted: Wanted
    patterns: tuple[Pattern, ...]
    written: Any


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """How to find the card of another person than the call's client."""

    name: Template
    phone: Template


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the conversation, asked when its conditions hold; their order is the conversation's.

    ``read``: how ``say`` is read out, where that is not as it is recorded. ``optional``: it may stay unanswered.
    """

    id: str
    paragraph: str
    when: tuple[Condition, ...]
    fact: str
    say: str | None
    hint: str | None
    answers: tuple[Answer, ...]
    read: str | None = None
    optional: bool = False

    def label_of(self, value: FactValue) -> str | None:
        """The label of a ready answer; None for a value that the question does not offer."""
        same = (a.label for a in self.answers if a.value == value and type(a.value) is type(value))
        return next(same, None)


@dataclass(frozen=True, slots=True)
class Rule:
    """When the conditions hold: conclude derived facts, end with an outcome, aim the actions at another card."""

    id: str
    paragraph: str
    when: tuple[Condition, ...]
    conclude: tuple[tuple[str, str], ...]
    outcome: str | None
    target: TargetSpec | None


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One thing an outcome does; a reminder stands here once for each role."""

    id: str
    kind: str
    text: Template
    role: str | None = None
    subject: str | None = None
    due_in_hours: int | None = None
    email: bool = False


@dataclass(frozen=True, slots=True)
class OutcomeSpec:
    """How a conversation can end.

    ``about``: the card's ``client``, or the ``number`` itself. ``read``: as of a question.
    """

    name: str
    label: str
    paragraph: str
    say: str | None
    actions: tuple[ActionSpec, ...]
    read: str | None = None
    about: str = "client"


@dataclass(frozen=True, slots=True)
class Script:
    """One script folder."""

    name: str
    title: str
    promise_hours: int
    facts: Mapping[str, Fact]
    classes: Mapping[str, Classes]
    derived: Mapping[str, Derived]
    questions: tuple[Question, ...]
    rules: tuple[Rule, ...]
    outcomes: Mapping[str, OutcomeSpec]
    unfinished_role: str
    #: Texts for corrections, another client's card and unfinished calls, by their names in ``build.TEXTS``.
    texts: Mapping[str, Template]

    @property
    def conditions(self) -> Iterator[Condition]:
        """Every condition, in the order in which they stand."""
        return (condition for entry in self.entries for condition in entry.when)

    @property
    def call_facts(self) -> list[str]:
        """The facts that the call brings along and some condition reads, in the order of the vocabulary."""
        read = {condition.subject for condition in self.conditions}
        return [fact.name for fact in self.facts.values() if fact.source and fact.name in read]

    @property
    def optional_facts(self) -> frozenset[str]:
        """The facts that some question asks for and that may stay unknown all the same."""
        return frozenset(question.fact for question in self.questions if question.optional)

    def asked(self, fired: Collection[str]) -> dict[str, Question]:
        """Of the entries that fired the questions, each by its fact, which is asked for once, in the file's order."""
        found: dict[str, Question] = {}
        for question in self.questions:
            if question.id in fired:
                found.setdefault(question.fact, question)
        return found

    def target(self, fired: Collection[str]) -> TargetSpec | None:
        """Whose card the entries that fired aim at; None: the call's own."""
        return next((rule.target for rule in self.rules if rule.target and rule.id in fired), None)

    @property
    def entries(self) -> tuple[Question | Rule, ...]:
        """The questions, then the rules, each in the order of the file."""
        return (*self.questions, *self.rules)


@dataclass(frozen=True, slots=True)
class Role:
    """Who gets the reminders of a role. ``email``: who mails them: smtp (the plugin), crm, or both."""

    name: str
    label: str
    crm_user: str | None
    address: str | None
    email: str
