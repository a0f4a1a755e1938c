"""The rules folder as data: vocabulary, questions, rules, outcomes, roles. Immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plugin.decision import Answer, FactValue
from plugin.ruleset.template import Template

#: The only code of a text that is known: no condition can tell two texts apart.
TEXT_KNOWN = "text"
_BOOL_CODES: Mapping[FactValue, str] = {True: "yes", False: "no"}


@dataclass(frozen=True, slots=True)
class Fact:
    """Something the operator finds out. ``type`` is bool, choice (one of ``values``) or text."""

    name: str
    type: str
    label: str
    values: tuple[str, ...] = ()

    @property
    def codes(self) -> frozenset[str]:
        """The classes of values that conditions can tell apart."""
        if self.type == "text":
            return frozenset({TEXT_KNOWN})
        return frozenset(_BOOL_CODES.values()) if self.type == "bool" else frozenset(self.values)

    @property
    def code_of(self) -> Mapping[FactValue, str]:
        """The class of each value that a fact with ready answers can have."""
        return _BOOL_CODES if self.type == "bool" else {value: value for value in self.values}

    def code(self, value: object) -> str | None:
        """The class of a literal in the rules, or None where the fact cannot have this value."""
        if self.type == "bool":
            return _BOOL_CODES[value] if isinstance(value, bool) else None
        return value if self.type == "choice" and isinstance(value, str) and value in self.values else None


@dataclass(frozen=True, slots=True)
class Derived:
    """Something that rules conclude and other rules match."""

    name: str
    label: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """``subject`` (a fact or a derived fact) is in one of these classes."""

    subject: str
    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """How to find the card of somebody else than the call's client."""

    name: Template
    phone: Template


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the conversation, asked when its conditions hold; their order is the conversation's."""

    id: str
    paragraph: str
    when: tuple[Condition, ...]
    fact: str
    say: str | None
    hint: str | None
    answers: tuple[Answer, ...]


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
    """How a conversation can end."""

    name: str
    label: str
    paragraph: str
    say: str | None
    actions: tuple[ActionSpec, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """One script folder."""

    name: str
    title: str
    promise_hours: int
    facts: Mapping[str, Fact]
    derived: Mapping[str, Derived]
    questions: tuple[Question, ...]
    rules: tuple[Rule, ...]
    outcomes: Mapping[str, OutcomeSpec]
    unfinished_role: str
    #: Texts for corrections, another client's card and unfinished calls, by their names in ``build.TEXTS``.
    texts: Mapping[str, Template]


@dataclass(frozen=True, slots=True)
class Role:
    """Who gets the reminders of a role. ``email``: who mails them: smtp (the plugin), crm, or both."""

    name: str
    label: str
    crm_user: str | None
    address: str | None
    email: str
