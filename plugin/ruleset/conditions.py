"""What an admin can write in ``when``, turned into the classes of values that satisfy it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plugin.engine import UNKNOWN
from plugin.ruleset.faults import Faults, closest
from plugin.ruleset.model import Condition, Derived, Fact
from plugin.toml_source import Place

_OPERATORS = ("not", "known", "unknown")
RULES_FILE = "rules.toml"


class ConditionReader:
    """Reads the ``when`` of rules and questions against a vocabulary, noting faults in Russian."""

    def __init__(self, facts: Mapping[str, Fact], derived: Mapping[str, Derived], faults: Faults) -> None:
        self._facts = facts
        self._derived = derived
        self._faults = faults

    def read(self, when: Mapping[str, Any], place: Place) -> tuple[Condition, ...]:
        """All conditions of one rule; every one must hold."""
        found = [self._read_one(subject, wanted, (*place, subject)) for subject, wanted in when.items()]
        return tuple(condition for condition in found if condition)

    def _read_one(self, subject: str, wanted: Any, place: Place) -> Condition | None:
        spec = self._facts.get(subject) or self._derived.get(subject)
        if spec is None:
            known = [*self._facts, *self._derived]
            self._fault(place, f"неизвестный факт «{subject}»", closest(subject, known))
            return None
        codes = (
            self._operator(spec, wanted, place) if isinstance(wanted, Mapping) else self._values(spec, wanted, place)
        )
        return Condition(subject, codes) if codes else None

    def _values(self, spec: Fact | Derived, wanted: Any, place: Place) -> frozenset[str]:
        if isinstance(spec, Fact) and spec.type == "text":
            self._fault(place, "свободный текст нельзя сравнить со значением", "допустимо: { known = true }")
            return frozenset()
        values = wanted if isinstance(wanted, list) else [wanted]
        if not values:
            self._fault(place, "список пуст: условие никогда не выполнится", "перечислите значения")
        codes = [self._code(spec, value, place) for value in values]
        return frozenset(code for code in codes if code)

    def _code(self, spec: Fact | Derived, value: Any, place: Place) -> str | None:
        code = spec.code(value) if isinstance(spec, Fact) else value if value in spec.values else None
        if code is None:
            self._fault(place, f"значение {_shown(value)} не подходит", f"допустимы: {_allowed(spec)}")
        return code

    def _operator(self, spec: Fact | Derived, wanted: Mapping[str, Any], place: Place) -> frozenset[str]:
        if len(wanted) != 1 or next(iter(wanted)) not in _OPERATORS:
            self._fault(place, "непонятное условие", f"в фигурных скобках — одно из: {', '.join(_OPERATORS)}")
            return frozenset()
        name, operand = next(iter(wanted.items()))
        if isinstance(spec, Derived):
            # Whether a derived fact is absent depends on which rules have fired so far.
            self._fault(
                place, f"«{name}» нельзя спрашивать о выводе «{spec.name}»", "спросите о факте, который задают вопросом"
            )
            return frozenset()
        if name == "not":
            excluded = self._values(spec, operand, place)
            return spec.codes - excluded if excluded else frozenset()
        if not isinstance(operand, bool):
            self._fault(place, f"у «{name}» значение {_shown(operand)}", "допустимы: true, false")
            return frozenset()
        return spec.codes if (name == "known") == operand else frozenset({UNKNOWN})

    def _fault(self, place: Place, what: str, hint: str) -> None:
        self._faults.add(RULES_FILE, place, what, hint)


def _allowed(spec: Fact | Derived) -> str:
    if isinstance(spec, Fact) and spec.type == "bool":
        return "true, false"
    return ", ".join(f'"{value}"' for value in spec.values)


def _shown(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
