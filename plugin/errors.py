"""The one error tree of the plugin.

    OptoutError                  a code, a message (what, where) and a hint (what to do)
    ├── InputError               somebody gave us something wrong: exit 2, or an HTTP 4xx
    │   ├── FactError            a fact with a wrong name, type or value
    │   ├── BadFacts             all the FactErrors of one set of facts
    │   ├── ConfigError          plugin.toml, a secret, or a path on the command line
    │   │   └── NoActiveRules    a ledger in which no rules were ever activated
    │   ├── RulesError           the rules folder; carries every fault found, not the first
    │   ├── RulesConflict        two people changed the same field of the rules; carries both values
    │   ├── RulesMovedOn         somebody else changed the active rules meanwhile; try again
    │   ├── ApprovalNeeded       rules that another person has to agree to first
    │   └── EventError           a call result that is refused; knows its HTTP status
    ├── DecisionError            the rules themselves met facts they do not cover
    │   ├── NoOutcome            no rule ends this conversation (a gap)
    │   └── OutcomeConflict      two rules end it differently
    ├── EngineError              durable-rules failed, or could not be loaded
    └── LedgerUnavailable        the ledger cannot commit now; try again later

Every error has a stable ``code`` for tools. A message never holds a secret or a whole phone number.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


class OptoutError(Exception):
    """Base of all errors; ``str()`` is one line: what, where, and after it what to do."""

    code = "error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message

    def to_json(self) -> dict[str, Any]:
        """The error as the ``error`` object of an answer."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.hint:
            body["hint"] = self.hint
        return body


class InputError(OptoutError):
    """Something given from outside is wrong; nothing was done with it."""

    code = "bad_input"


class FactError(InputError):
    """A fact that the script does not know, or whose value it does not take.

    ``field`` is the fact's name, ``given`` what was sent, ``allowed`` what the question or type takes.
    """

    code = "bad_fact"

    def __init__(self, field: str, given: object, allowed: str, *, question: str | None = None) -> None:
        self.field = field
        self.given = given
        self.allowed = allowed
        self.question = question
        where = f"{field} (question: «{question}»)" if question else field
        super().__init__(f"{where}: given {_shown(given)}, allowed: {allowed}")

    def to_json(self) -> dict[str, Any]:
        body = super().to_json() | {"field": self.field, "given": self.given, "allowed": self.allowed}
        if self.question:
            body["question"] = self.question
        return body


class BadFacts(InputError):
    """A set of facts that cannot be used; ``errors`` names every wrong one."""

    code = "bad_facts"

    def __init__(self, errors: Sequence[FactError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(str(error) for error in self.errors))

    def to_json(self) -> dict[str, Any]:
        """The first wrong fact in full, and all of them under ``errors``."""
        errors = [error.to_json() for error in self.errors]
        return {**errors[0], **super().to_json(), "errors": errors}


class ConfigError(InputError):
    """plugin.toml, an environment variable or a path cannot be used."""

    code = "bad_config"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a rules file: where (1-based line), what, and what to do. Russian, for the admin.

    ``place``: the keys and list indexes that lead to it in the file, where they are known; no part of what is told.
    """

    file: str
    line: int
    where: str
    what: str
    hint: str = ""
    place: tuple[str | int, ...] = field(default=(), compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """What is told of it, as plain JSON."""
        return {name: getattr(self, name) for name in ("file", "line", "where", "what", "hint")}

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.where}: {self.what}" + (f" — {self.hint}" if self.hint else "")


class NoActiveRules(ConfigError):
    """The ledger has never had active rules."""

    code = "no_active_rules"


class RulesError(InputError):
    """The rules folder cannot be used; ``faults`` lists everything that is wrong with it."""

    code = "bad_rules"

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class RulesConflict(InputError):
    """Two people changed the same fields of the rules, each in their own way; nothing was done.

    ``conflicts``: what ``merge_rules`` found (``FieldConflict``); ``over``: the revision that holds the other values.
    """

    code = "rules_conflict"

    def __init__(self, message: str, conflicts: Sequence[Any], over: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.conflicts = tuple(conflicts)
        self.over = over


class RulesMovedOn(InputError):
    """Somebody else changed the active rules while these were looked at; nothing was done."""

    code = "rules_moved_on"


class ApprovalNeeded(InputError):
    """The rules wait for another person's word; ``revision`` is what they agree to."""

    code = "approval_needed"

    def __init__(self, message: str, revision: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.revision = revision


class EventError(InputError):
    """A call result that is refused. ``status`` is the HTTP status (design contract 3.3)."""

    code = "bad_event"

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        fields: dict[str, list[str]] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.fields = fields or {}

    def to_json(self) -> dict[str, Any]:
        body = super().to_json()
        if self.fields:
            body["fields"] = self.fields
        return body


class DecisionError(OptoutError):
    """The rules do not decide these facts: a fault of the rules, not of the caller."""

    code = "undecided"


class NoOutcome(DecisionError):
    """Every question is answered, yet no rule gives an outcome."""

    code = "no_outcome"


class OutcomeConflict(DecisionError):
    """Rules give more than one outcome (or target) for the same facts."""

    code = "outcome_conflict"


class EngineError(OptoutError):
    """durable-rules failed, or is not installed in a usable form."""

    code = "engine"


class LedgerUnavailable(OptoutError):
    """The ledger cannot commit now. ``retry_after`` is in seconds."""

    code = "ledger_unavailable"

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message, hint=f"Try again in {retry_after} s")
        self.retry_after = retry_after


def _shown(value: object) -> str:
    """The value as JSON, on one line and not too long."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 80 else text[:79] + "…"
