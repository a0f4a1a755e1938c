"""Reads the declared fields of a card: ``[crm.<name>.card_fields]`` in plugin.toml, of the form of ``facts``.

    [crm.<name>.card_fields.<name in rules>]
    field = "UF_CRM_1700000009"
    values = { "45" = "Kia", "46" = "Lada" }   # left out: the text as it is

A card is read for more than its fields, so that a value that nobody mapped hides that field and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.base import CardFieldState, NotMapped
from connectors.kit.checks import unmapped
from connectors.kit.mapping import FactField, FactFields, FactValue

#: What a record of the CRM holds in a field; None where it has none.
Getter = Callable[[str], Any]
#: An entry of a field's list: as an admin sees it, and the ways in which it comes, the first one in records.
Entry = tuple[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class CardValues:
    """What a card holds in the declared fields. ``unmapped``: the fields whose value means nothing to the plugin."""

    fields: dict[str, FactValue] = field(default_factory=dict)
    unmapped: tuple[str, ...] = ()


def read_card_fields(declared: FactFields, *records: Getter) -> CardValues:
    """The declared fields, each of the first record that holds something in it; never raises for what it holds."""
    found: dict[str, FactValue] = {}
    strange: list[str] = []
    for item in declared.fields:
        try:
            values = (item.read(get(item.field)) for get in records)
            value = next((value for value in values if value is not None), None)
        except NotMapped:
            strange.append(item.fact)
            continue
        if value is not None:
            found[item.fact] = value
    return CardValues(found, tuple(strange))


def card_field_state(item: FactField, exists: bool | None, entries: Iterable[Entry] | None) -> CardFieldState:
    """What is to be told of a declared field. ``entries``: all of its list; None where it takes any text."""
    if not exists or entries is None:
        values = None if item.values is None else frozenset(item.values.values())
        return CardFieldState(item.fact, item.field, exists, values)
    listed = [(shown, tuple(spellings)) for shown, spellings in entries]
    if item.values is not None:
        known = frozenset(item.values.values())
        return CardFieldState(item.fact, item.field, exists, known, tuple(unmapped(item, listed)))
    plain = frozenset(spellings[0] for _, spellings in listed if spellings[0] and spellings[0] not in item.empty)
    return CardFieldState(item.fact, item.field, exists, plain)
