"""Checks what the rules read of cards against the CRM: fields that it lacks, values that one side does not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from connectors.base import CardFieldState
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.model import Fact
from plugin.deciding.ruleset.predicates import AllowedValues, Texts, TextTest
from plugin.events.mapping_check import MappingRemark

_CARD = "card."
#: Of the card in an event of the plugin's own format; whoever sends one brings them.
_IN_EVENTS = frozenset({"card.type", "card.id", "card.name", "card.url"})
_SHOWN = 10


def card_field_remarks(
    states: Sequence[CardFieldState], scripts: Mapping[str, Script], connector: str, *, others_bring: bool
) -> list[MappingRemark]:
    """Everything that does not fit. ``others_bring``: events of other senders may bring fields that the CRM lacks."""
    where = f"[crm.{connector}.card_fields"
    found: dict[str, MappingRemark] = {}
    for state in states:
        for remark in _of_crm(state, where):
            found.setdefault(remark.what, remark)
        if state.exists is False:
            continue
        for script, fact in _reading(scripts, _CARD + state.name):
            for remark in _of_values(state, script, fact, where):
                found.setdefault(remark.what, remark)
    if not others_bring:
        for remark in _undeclared({state.name for state in states}, scripts, where):
            found.setdefault(remark.what, remark)
    return list(found.values())


def _reading(scripts: Mapping[str, Script], path: str) -> Iterator[tuple[Script, Fact]]:
    """The facts that some condition reads and that come from this field."""
    for script in scripts.values():
        for name in script.call_facts:
            if script.facts[name].source == path:
                yield script, script.facts[name]


def _of_crm(state: CardFieldState, where: str) -> Iterator[MappingRemark]:
    if state.exists is False:
        what = f"the CRM has no field {state.field}, from which {_CARD}{state.name} is read"
        yield MappingRemark(what, f"Correct field in {where}.{state.name}], or make the field in the CRM")
    if state.unmapped:
        entries = ", ".join(state.unmapped[:_SHOWN])
        what = f"entries of the field {state.field} mean nothing to the plugin: {entries}"
        yield MappingRemark(what, f"Map them in {where}.{state.name}], values, or list them in empty")


def _of_values(state: CardFieldState, script: Script, fact: Fact, where: str) -> Iterator[MappingRemark]:
    path, values = _CARD + state.name, state.values
    if fact.type == "bool" and values is None:
        what = f"the fact {fact.name} is yes or no, and {path} is read as any text"
        yield MappingRemark(what, f"Add values to {where}.{state.name}]")
        return
    if values is None or fact.type not in ("bool", "choice", "text"):
        return
    if fact.type != "text":
        for value in sorted((value for value in values if not _is_listed(fact, value)), key=str):
            what = f"{path} can be {_spelt(value)} in the CRM, which the fact {fact.name} does not know"
            yield MappingRemark(what, f"Add it to the fact's values, or map it in {where}.{state.name}], values")
    if fact.type != "bool":
        for literal in _never(script, fact, [value for value in values if isinstance(value, str)]):
            what = f"the rules ask whether {path} is {_spelt(literal)}, which it cannot be in the CRM"
            yield MappingRemark(what, f"Correct the condition, or map a value to it in {where}.{state.name}], values")


def _is_listed(fact: Fact, value: str | bool) -> bool:
    return any(value == known and type(value) is type(known) for known in fact.listed)


def _never(script: Script, fact: Fact, values: Sequence[str]) -> Iterator[str]:
    """What conditions compare the fact with and no value can be."""
    for condition in script.conditions:
        if condition.subject != fact.name:
            continue
        wanted = condition.wanted
        if isinstance(wanted, AllowedValues):
            yield from (str(value) for value in wanted.values if value not in values)
        elif isinstance(wanted, Texts):
            for pattern in wanted.test.patterns:
                alone = TextTest(wanted.test.kind, (pattern,))
                if not any(alone.found_in(value) for value in values):
                    yield pattern


def _undeclared(declared: set[str], scripts: Mapping[str, Script], where: str) -> Iterator[MappingRemark]:
    for script in scripts.values():
        for name in script.call_facts:
            path = script.facts[name].source or ""
            if path.startswith(_CARD) and path not in _IN_EVENTS and path.removeprefix(_CARD) not in declared:
                what = f"the rules read {path}, and no field of the CRM is declared for it"
                yield MappingRemark(what, f"Add {where}.{path.removeprefix(_CARD)}], or it is always unknown")


def _spelt(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'
