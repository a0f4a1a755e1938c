"""The classes of a fact's values that the conditions reading it can tell apart, each with an example.

Deciding, remembering and enumerating conversations all go by classes: two values of one class lead to the same outcome.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isfinite
from typing import Protocol

from plugin.deciding.ruleset.predicates import AllowedValues, Comparable, Known, Range, Texts, TextTest, Wanted
from plugin.deciding.ruleset.values import FactValue

#: What stands for a text that no condition looks into.
SAMPLE_TEXT = "…"
#: More tests of one text make more combinations than are worth enumerating.
MOST_TEXT_TESTS = 8

_TEST_WORDS: Mapping[str, str] = {"equals": "равно", "contains": "содержит", "matches": "подходит под"}
_BOOL_CODES: Mapping[FactValue, str] = {True: "yes", False: "no"}


class Classes(Protocol):
    """The classes of one fact."""

    @property
    def keys(self) -> Sequence[str]:
        """Every class that is known to have a value."""
        ...

    @property
    def unproven(self) -> Sequence[str]:
        """Combinations of text tests for which no example was found, in words."""
        ...

    def key(self, value: FactValue) -> str:
        """The class of a value."""
        ...

    def example(self, key: str) -> FactValue:
        """A value of the class."""
        ...

    def codes(self, subject: str, key: str) -> dict[str, str]:
        """What the engine is told of a value of this class: subject → code."""
        ...

    def patterns(self, subject: str, wanted: Wanted) -> dict[str, frozenset[str]]:
        """A condition as the engine matches it: subject → codes that satisfy it (unknown aside)."""
        ...


def examples(classes: Classes) -> list[FactValue]:
    """A value of every class."""
    return [classes.example(key) for key in classes.keys]


@dataclass(frozen=True, slots=True)
class Listed:
    """A bool or a choice: every value is a class of its own."""

    values: tuple[FactValue, ...]

    @property
    def keys(self) -> Sequence[str]:
        return [self.key(value) for value in self.values]

    @property
    def unproven(self) -> Sequence[str]:
        return ()

    def key(self, value: FactValue) -> str:
        return _BOOL_CODES[value] if isinstance(value, bool) else str(value)

    def example(self, key: str) -> FactValue:
        return next(value for value in self.values if self.key(value) == key)

    def codes(self, subject: str, key: str) -> dict[str, str]:
        return {subject: key}

    def patterns(self, subject: str, wanted: Wanted) -> dict[str, frozenset[str]]:
        assert isinstance(wanted, AllowedValues | Known)
        return {subject: frozenset(self.key(value) for value in self.values if wanted.holds(value))}


class Intervals:
    """A number or a date: the literals of the conditions, and the stretches between them."""

    def __init__(
        self, type_: str, literals: Iterable[Comparable], least: Comparable | None, most: Comparable | None
    ) -> None:
        self._type = type_
        self._cuts: list[Comparable] = sorted(set(literals))
        self._least, self._most = least, most
        self._examples = {key: value for key, value in self._found() if value is not None}

    @property
    def keys(self) -> Sequence[str]:
        return list(self._examples)

    @property
    def unproven(self) -> Sequence[str]:
        return ()

    def key(self, value: FactValue) -> str:
        parsed = parse(self._type, value)
        place = bisect_left(self._cuts, parsed)
        at_cut = place < len(self._cuts) and self._cuts[place] == parsed
        return str(2 * place + at_cut)

    def example(self, key: str) -> FactValue:
        return self._examples[key]

    def codes(self, subject: str, key: str) -> dict[str, str]:
        return {subject: key}

    def patterns(self, subject: str, wanted: Wanted) -> dict[str, frozenset[str]]:
        return {subject: frozenset(str(key) for key in range(2 * len(self._cuts) + 1) if self._holds(wanted, key))}

    def _holds(self, wanted: Wanted, key: int) -> bool:
        if isinstance(wanted, Known):
            return wanted.known
        probe = self._probe(key)
        if isinstance(wanted, Range):
            return wanted.holds_of(probe)
        assert isinstance(wanted, AllowedValues)
        return any(probe == parse(self._type, value) for value in wanted.values) != wanted.negated

    def _probe(self, key: int) -> Comparable:
        """A point of the class, whether a value can lie there or not."""
        place, at_cut = divmod(key, 2)
        if at_cut:
            return self._cuts[place]
        if not self._cuts:
            anything: Mapping[str, FactValue] = {
                "number": 0,
                "date": "2026-01-01",
                "datetime": "2026-01-01T00:00:00+00:00",
            }
            return parse(self._type, anything[self._type])
        if place == 0:
            return _beside(self._cuts[0], -1)
        if place == len(self._cuts):
            return _beside(self._cuts[-1], 1)
        return _between(self._cuts[place - 1], self._cuts[place])

    def _found(self) -> Iterable[tuple[str, FactValue | None]]:
        for key in range(2 * len(self._cuts) + 1):
            candidates = [self._probe(key), self._least, self._most]
            fitting = (value for value in candidates if value is not None and self._allowed(value, key))
            yield str(key), next((_spelt(value) for value in fitting), None)

    def _allowed(self, value: Comparable, key: int) -> bool:
        inside = (self._least is None or value >= self._least) and (self._most is None or value <= self._most)  # type: ignore[operator]
        return inside and self.key(_spelt(value)) == str(key)


class TextClasses:
    """A free text: which of the conditions' text tests it passes."""

    def __init__(self, tests: Iterable[TextTest]) -> None:
        self._tests = tuple(dict.fromkeys(tests))
        self._examples: dict[str, str] = {}
        for sample in self._samples():
            self._examples.setdefault(self.key(sample), sample)

    @property
    def keys(self) -> Sequence[str]:
        return sorted(self._examples)

    @property
    def unproven(self) -> Sequence[str]:
        if not self._tests:
            return ()
        if len(self._tests) > MOST_TEXT_TESTS:
            return (f"не все сочетания {len(self._tests)} условий",)
        every = ("".join(bits) for bits in itertools.product("01", repeat=len(self._tests)))
        return [self._in_words(key) for key in every if key not in self._examples and self._is_possible(key)]

    def key(self, value: FactValue) -> str:
        return "".join("1" if test.found_in(str(value)) else "0" for test in self._tests) or "text"

    def example(self, key: str) -> FactValue:
        return self._examples[key]

    def codes(self, subject: str, key: str) -> dict[str, str]:
        told = {f"{subject}#{number}": "yes" if bit == "1" else "no" for number, bit in enumerate(key) if self._tests}
        return told | {subject: "text"}

    def patterns(self, subject: str, wanted: Wanted) -> dict[str, frozenset[str]]:
        if isinstance(wanted, Texts):
            return {f"{subject}#{self._tests.index(wanted.test)}": frozenset({"no" if wanted.negated else "yes"})}
        assert isinstance(wanted, Known)
        return {subject: frozenset({"text"} if wanted.known else ())}

    def _samples(self) -> Iterable[str]:
        """Texts made of the patterns' own examples, in every combination, and one that holds none of them."""
        yield SAMPLE_TEXT
        examples = [example for test in self._tests for example in test.examples()][: 2 * MOST_TEXT_TESTS]
        yield from examples
        for size in range(2, len(examples) + 1):
            for chosen in itertools.islice(itertools.combinations(examples, size), 500):
                yield " ".join(chosen)

    def _is_possible(self, key: str) -> bool:
        """Whether the tests' own wording leaves room for this combination."""
        passed = [test for test, bit in zip(self._tests, key, strict=True) if bit == "1"]
        failed = [test for test, bit in zip(self._tests, key, strict=True) if bit == "0"]
        for test in passed:
            if test.kind == "equals":
                return any(self.key(pattern) == key for pattern in test.patterns)
        return not any(test.implies(other) for test in passed for other in failed)

    def _in_words(self, key: str) -> str:
        parts = [
            f"{'' if bit == '1' else 'не '}{_TEST_WORDS[test.kind]} {' / '.join(f'«{one}»' for one in test.patterns)}"
            for bit, test in zip(key, self._tests, strict=True)
        ]
        return ", ".join(parts)


def parse(type_: str, value: FactValue) -> Comparable:
    """A fact's value as it is compared. Raises ValueError for a text that is no date of this type."""
    if type_ == "date":
        return date.fromisoformat(str(value))
    if type_ == "datetime":
        moment = datetime.fromisoformat(str(value))
        if moment.tzinfo is None:
            raise ValueError("no offset")
        return moment
    return float(value)


def _beside(cut: Comparable, side: int) -> Comparable:
    """A value below (-1) or above the cut; the cut itself where there is none: the first or the last day of all."""
    if isinstance(cut, float):
        value = cut + side * max(1.0, abs(cut) * 1e-6)
        return value if isfinite(value) else cut
    step = timedelta(minutes=1) if isinstance(cut, datetime) else timedelta(days=1)
    try:
        return cut + side * step
    except OverflowError:
        return cut


def _between(low: Comparable, high: Comparable) -> Comparable:
    if isinstance(low, float) and isinstance(high, float):
        middle = low / 2 + high / 2
        whole = float(int(low) + 1)
        return whole if low < whole < high else middle
    return low + (high - low) / 2  # type: ignore[operator]


def _spelt(value: Comparable) -> FactValue:
    if isinstance(value, date):
        return value.isoformat()
    return int(value) if value == int(value) else value
