"""What one condition wants of a fact's value: one of some values, a comparison, a text that contains or matches."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Literal

from plugin.deciding.ruleset.values import FactValue

#: Comparisons by the word in the rules; numbers and dates have words of their own for the same thing.
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "less_than": operator.lt,
    "at_most": operator.le,
    "more_than": operator.gt,
    "at_least": operator.ge,
    "before": operator.lt,
    "not_after": operator.le,
    "after": operator.gt,
    "not_before": operator.ge,
}
NUMBER_WORDS = ("less_than", "at_most", "more_than", "at_least")
DATE_WORDS = ("before", "not_after", "after", "not_before")
TEXT_WORDS = ("contains", "not_contains", "matches", "not_matches")

#: A value that can be compared: numbers as they are, dates and times parsed.
Comparable = float | date | datetime


@dataclass(frozen=True, slots=True)
class AllowedValues:
    """One of these values, or (``negated``) a known value that is none of them."""

    values: tuple[FactValue, ...]
    negated: bool = False

    def holds(self, value: FactValue) -> bool:
        return (value in self.values) != self.negated


@dataclass(frozen=True, slots=True)
class Known:
    """Whether the answer is known at all."""

    known: bool

    def holds(self, value: FactValue) -> bool:
        return self.known


@dataclass(frozen=True, slots=True)
class Range:
    """All of these comparisons hold; ``bounds`` are (word, literal, parsed literal)."""

    bounds: tuple[tuple[str, FactValue, Comparable], ...]

    def holds_of(self, value: Comparable) -> bool:
        """Whether a parsed value is in the range."""
        return all(COMPARISONS[word](value, literal) for word, _, literal in self.bounds)


@dataclass(frozen=True, slots=True)
class TextTest:
    """Any of these patterns is found, regardless of case: the whole text, a part of it, or a mask with * and ?."""

    kind: Literal["equals", "contains", "matches"]
    patterns: tuple[str, ...]

    def found_in(self, text: str) -> bool:
        """Whether the text passes."""
        folded, patterns = fold(text), _folded(self)
        if self.kind == "equals":
            return folded in patterns
        if self.kind == "contains":
            return any(pattern in folded for pattern in patterns)
        return any(_mask_matches(pattern, folded) for pattern in patterns)

    def implies(self, other: TextTest) -> bool:
        """Whether every text that passes this test is known to pass the other one, by their wording alone."""
        if other.kind != "contains":
            return False
        parts = [re.split(r"[*?]+", p) if self.kind == "matches" else [p] for p in _folded(self)]
        return all(any(wanted in part for wanted in _folded(other) for part in some) for some in parts)

    def examples(self) -> tuple[str, ...]:
        """Texts that pass."""
        return tuple(
            pattern.replace("*", "").replace("?", "а") if self.kind == "matches" else pattern
            for pattern in self.patterns
        )


@dataclass(frozen=True, slots=True)
class Texts:
    """A text test that must pass or (``negated``) must not."""

    test: TextTest
    negated: bool = False


Wanted = AllowedValues | Known | Range | Texts


@lru_cache(maxsize=1024)
def _folded(test: TextTest) -> tuple[str, ...]:
    return tuple(fold(pattern) for pattern in test.patterns)


def fold(text: str) -> str:
    """The text without regard to case, «ё» and runs of blanks."""
    return re.sub(r"\s+", " ", text.casefold().replace("ё", "е")).strip()


def _mask_matches(mask: str, text: str) -> bool:
    """Match a mask of ``*`` and ``?`` in time proportional to mask × text, whatever the mask."""
    position = start = 0
    star: int | None = None
    at = 0
    while position < len(text):
        if at < len(mask) and mask[at] == "*":
            star, start, at = at, position, at + 1
        elif at < len(mask) and mask[at] in ("?", text[position]):
            position, at = position + 1, at + 1
        elif star is not None:
            start += 1
            position, at = start, star + 1
        else:
            return False
    return mask[at:].strip("*") == ""
