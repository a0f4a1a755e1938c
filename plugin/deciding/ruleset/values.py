"""Values of facts, and the answers that a question offers."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

#: A typed fact: bool for ``bool``, int or float for ``number``, str for the others (dates and times as ISO 8601).
FactValue = bool | int | float | str
#: Typed facts by name; a missing fact is unknown.
Facts = Mapping[str, FactValue]


class Skipped(str):
    """An optional question that was passed over: its fact stays unknown, and it is not asked again."""

    __slots__ = ()


SKIPPED: Final = Skipped()


class Answer(NamedTuple):
    """One answer that a question offers."""

    value: FactValue
    label: str


class SuppressionScope(StrEnum):
    """What a number may be excluded from: the scopes of the suppression list."""

    CALLS = "calls"
    MAILINGS = "mailings"
