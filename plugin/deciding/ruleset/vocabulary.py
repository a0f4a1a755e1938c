"""The vocabulary of a script: facts, asked or brought along by the call, and what rules conclude from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plugin.deciding.ruleset.conditions import allowed_values, fits_type, shown
from plugin.deciding.ruleset.faults import Faults
from plugin.deciding.ruleset.model import Derived, Fact
from plugin.deciding.ruleset.value_classes import parse

FILE = "vocabulary.toml"
_BOUNDED = ("number", "date", "datetime")


def build_facts(forms: Mapping[str, Mapping[str, Any]], faults: Faults) -> dict[str, Fact]:
    """The facts of [fact.NAME]; what is wrong with them is noted."""
    facts = {
        name: Fact(
            name=name,
            type=form["type"],
            label=form["label"],
            values=tuple(form["values"]),
            least=form["min"],
            most=form["max"],
            source=form["source"],
        )
        for name, form in forms.items()
    }
    for fact in facts.values():
        _check(fact, faults)
    return facts


def build_derived(
    forms: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Fact], faults: Faults
) -> dict[str, Derived]:
    """The derived facts of [derived.NAME]."""
    for name in facts.keys() & forms.keys():
        faults.add(FILE, ("derived", name), "так же назван факт", "назовите вывод иначе")
    return {name: Derived(name, form["label"], tuple(form["values"])) for name, form in forms.items()}


def _check(fact: Fact, faults: Faults) -> None:
    place = ("fact", fact.name)
    if fact.type == "choice" and not fact.values:
        faults.add(FILE, place, "у выбора нет значений", "перечислите их в values")
    if fact.type != "choice" and fact.values:
        faults.add(FILE, place, 'values бывает только у type = "choice"', "уберите values")
    bounds = {"min": fact.least, "max": fact.most}
    for key, bound in bounds.items():
        if bound is None:
            continue
        if fact.type not in _BOUNDED:
            faults.add(FILE, (*place, key), f"{key} бывает только у чисел и дат", f"уберите {key}")
        elif not fits_type(fact.type, bound):
            faults.add(
                FILE, (*place, key), f"значение {shown(bound)} не подходит", f"допустимы: {allowed_values(fact)}"
            )
    if fact.type in _BOUNDED and all(bound is not None and fits_type(fact.type, bound) for bound in bounds.values()):
        least, most = (parse(fact.type, bound) for bound in bounds.values() if bound is not None)
        if least > most:  # type: ignore[operator]
            faults.add(FILE, (*place, "min"), "min больше max", "поменяйте их местами")
