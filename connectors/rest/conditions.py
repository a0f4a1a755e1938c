"""Conditions on a CRM's records and answers: ``{ path = "status", one_of = ["open", "new"] }``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.kit.reference_mark import carries_mark
from connectors.rest.bodies import Structure, filled
from connectors.rest.paths import Path, as_text

#: The tests of a condition, of which each has exactly one.
TESTS = ("equals", "not_equals", "one_of", "none_of", "contains", "marked", "present")


@dataclass(frozen=True, slots=True)
class RecordCondition:
    """One test on the value at ``path``. What is compared is spelt as text: 12, true, "x".

    ``contains`` is an element of a list, else a part of a text, or one of several such; ``marked``: the text carries
    the reference mark.
    """

    path: Path
    test: str
    wanted: Structure
    problem: str = ""

    def holds(self, data: Any, context: Mapping[str, Any]) -> bool:
        """Whether it holds; an empty wish never does. Raises NotRendered."""
        value = self.path.get(data)
        if self.test == "present":
            return (as_text(value) != "" and value != []) is self.wanted
        if self.test == "marked":
            key = str(context.get("key", ""))
            texts = value if isinstance(value, list) else [value]
            return bool(key) and any(carries_mark(text, key) for text in texts) is self.wanted
        return self._compared(value, filled(self.wanted, context))

    def _compared(self, value: Any, wanted: Any) -> bool:
        sought = {as_text(one) for one in (wanted if isinstance(wanted, list) else [wanted])} - {""}
        if self.test in ("not_equals", "none_of"):
            return as_text(value) not in sought
        if self.test != "contains":
            return as_text(value) in sought
        if isinstance(value, list):
            return bool(sought & set(map(as_text, value)))
        return any(one in as_text(value) for one in sought)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Several conditions of which one must hold: ``{ any = [ … ] }``."""

    conditions: tuple[RecordCondition, ...]
    problem: str = ""

    @property
    def path(self) -> Path:
        """The first one's."""
        return self.conditions[0].path

    def holds(self, data: Any, context: Mapping[str, Any]) -> bool:
        """Whether one holds. Raises NotRendered."""
        return any(condition.holds(data, context) for condition in self.conditions)


Condition = RecordCondition | AnyOf


def all_hold(conditions: Sequence[Condition], data: Any, context: Mapping[str, Any]) -> bool:
    """Whether every one holds. Raises NotRendered."""
    return all(condition.holds(data, context) for condition in conditions)
