"""The rules folder as data: vocabulary, questions, rules, outcomes, roles. Immutable."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from plugin.deciding.engine.network import Pattern
from plugin.deciding.ruleset.calendar import Calendar
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
    adds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One thing an outcome does if ``when`` holds; a reminder stands here once for each role.

    ``person``: of a role with several people the one who is chosen, once the facts are known. ``working``: it is due at
    the last working moment before ``due_in_hours`` are over.
    """

    id: str
    kind: str
    text: Template
    role: str | None = None
    subject: str | None = None
    due_in_hours: int | None = None
    email: bool = False
    when: tuple[Condition, ...] = ()
    person: str | None = None
    working: bool = False


@dataclass(frozen=True, slots=True)
class Recipient:
    """One of a role's people, and when they are reminded."""

    person: str
    when: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class OutcomeSpec:
    """How a conversation can end.

    ``about``: the card's ``client``, or the ``number`` itself. ``read``: as of a question. ``suppress`` and
    ``release``: the scopes of the suppression list that the call's number is put into and taken out of.
    """

    name: str
    label: str
    paragraph: str
    say: str | None
    actions: tuple[ActionSpec, ...]
    read: str | None = None
    about: str = "client"
    suppress: tuple[str, ...] = ()
    release: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """Who is told what of a promise that is not kept yet, ``hours`` after its deadline (negative: before it).

    Without ``roles`` it is everybody whose reminder is not done. ``by``: mail, task, webhook.
    """

    id: str
    hours: int
    roles: tuple[str, ...]
    by: tuple[str, ...]
    subject: Template
    text: Template


@dataclass(frozen=True, slots=True)
class Script:
    """One script folder. ``scope``: whom it is to be said to must not be excluded from this; None: from anything."""

    name: str
    title: str
    promise_hours: int
    facts: Mapping[str, Fact]
    classes: Mapping[str, Classes]
    derived: Mapping[str, Derived]
    questions: tuple[Question, ...]
    rules: tuple[Rule, ...]
    outcomes: Mapping[str, OutcomeSpec]
    #: Who is told of a call that was never finished.
    unfinished_roles: tuple[str, ...]
    #: Texts for corrections, another client's card and unfinished calls, by their names in ``build.TEXTS``.
    texts: Mapping[str, Template]
    scope: str | None = None
    #: What rules may add to whatever outcome is reached: the actions' ids → one for each role.
    added: Mapping[str, tuple[ActionSpec, ...]] = field(default_factory=dict)
    #: Of the roles that have several people and that this script names: the people, in the order of the file.
    people: Mapping[str, tuple[Recipient, ...]] = field(default_factory=dict)
    #: When people are at work; there is one wherever something is due by it.
    calendar: Calendar | None = None
    #: Whether the reminder of a call that was never finished is due by the calendar.
    unfinished_working: bool = False
    #: Who is told of a promise that is not kept yet, the earliest first.
    escalation: tuple[EscalationStep, ...] = ()

    @property
    def conditions(self) -> Iterator[Condition]:
        """Every condition: of questions and rules, then of actions, then of people."""
        entries = (condition for entry in self.entries for condition in entry.when)
        return itertools.chain(entries, self.choosing)

    @property
    def choosing(self) -> Iterator[Condition]:
        """The conditions that choose among actions and people; no question, rule or outcome depends on them."""
        for action in self.actions:
            yield from action.when
        for recipients in self.people.values():
            for recipient in recipients:
                yield from recipient.when

    @property
    def actions(self) -> Iterator[ActionSpec]:
        """Every action of every outcome, then those that rules add."""
        for outcome in self.outcomes.values():
            yield from outcome.actions
        for actions in self.added.values():
            yield from actions

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
class RolePerson:
    """One of a role's people. ``when``: by fields of the call and the card, as it stands in the file."""

    name: str
    when: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deputy:
    """Who stands in for a person."""

    label: str
    crm_user: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Role:
    """Who gets the reminders of a role. ``email``: who mails them: smtp (the plugin), crm, or both.

    With ``people`` it is these instead, each a role of their own (``ruleset.people``). ``away``: first and last days on
    which ``deputy`` stands in.
    """

    name: str
    label: str
    crm_user: str | None
    address: str | None
    email: str
    people: tuple[RolePerson, ...] = ()
    away: tuple[tuple[date, date], ...] = ()
    deputy: Deputy | None = None
