"""Clients found by phone in any notation and by full name, and cards read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.base import Card, CardRef
from connectors.espocrm.client import EspoClient, Where, any_of, contains, search
from connectors.espocrm.settings import CARD_TYPES, is_record_id
from connectors.kit.card_fields import read_card_fields
from connectors.kit.mapping import FactFields
from connectors.kit.names import name_parts, same_name
from connectors.kit.phones import notations, same_number

_SELECT = ("id", "name", "firstName", "lastName", "middleName", "phoneNumber")
_NAMED = ("id", "name")
#: A lead that was made a contact has the contact's phone number, and would hide it as a second match.
_CONVERTED: Where = {"type": "notEquals", "attribute": "status", "value": "Converted"}


def card_of(api: EspoClient, kind: str, record: Mapping[str, Any]) -> Card:
    """The card in this record of a type of ``CARD_TYPES``."""
    entity, record_id = CARD_TYPES[kind], str(record["id"])
    name = record.get("name")
    return Card(
        CardRef(kind, record_id),
        name if isinstance(name, str) and name.strip() else None,
        api.address(entity, record_id),
        tuple(_phones(record)),
        emails=tuple(_emails(record)),
    )


def read_card(api: EspoClient, card: CardRef, declared: FactFields) -> Card | None:
    """The card with these fields; None where there is none. Raises CrmUnavailable, CrmRefused."""
    record = api.record(CARD_TYPES[card.type], card.id) if card.type in CARD_TYPES else None
    if record is None:
        return None
    held = read_card_fields(declared, record.get)
    return replace(card_of(api, card.type, record), fields=held.fields, unmapped=held.unmapped)


def read_cards(api: EspoClient, cards: Sequence[CardRef]) -> dict[CardRef, Card]:
    """Those of the cards that a list shows, a request for each type; of their phones only the main one.

    Raises CrmUnavailable, CrmRefused.
    """
    found: dict[CardRef, Card] = {}
    for kind, entity in CARD_TYPES.items():
        wanted = {card.id: card for card in cards if card.type == kind and is_record_id(card.id)}
        if wanted:
            where: Where = {"type": "in", "attribute": "id", "value": list(wanted)}
            records = api.page(entity, search([where], select=_NAMED), most=len(wanted))
            shown = (record for record in records if record.get("id") in wanted)
            found |= {wanted[record["id"]]: card_of(api, kind, record) for record in shown}
    return found


def find_people(api: EspoClient, kinds: list[str], phone: str | None, name: str | None) -> list[Card]:
    """All of these types with this phone and this full name; what is None is not looked at.

    Raises CrmUnavailable, CrmRefused.
    """
    if not (phone or name):
        return []
    where: list[Where] = []
    if phone:
        digits = notations(phone)
        if not digits:
            return []
        # The CRM keeps a number's digits beside it; the shortest notation is part of all others.
        where.append(contains("phoneNumberNumeric", digits[-1]))
    if name:
        words = list(name_parts(name))
        if not words:
            return []
        where.append(_may_be_called(words))
    return [card for kind in kinds for card in _matches(api, kind, where, phone, name)]


def _matches(api: EspoClient, kind: str, where: list[Where], phone: str | None, name: str | None) -> Iterator[Card]:
    entity = CARD_TYPES[kind]
    narrowed = [*where, _CONVERTED] if kind == "lead" else where
    for record in api.pages(entity, search(narrowed, select=_SELECT)):
        if name and not same_name(_full_name(record), name):
            continue
        # A list shows the main number only; the one that was found may be another of theirs.
        whole = record if not phone or _has(record, phone) else api.record(entity, str(record.get("id")))
        if whole is not None and (not phone or _has(whole, phone)):
            yield card_of(api, kind, whole)


def _may_be_called(words: list[str]) -> Where:
    """Whoever has one of the words at the beginning of the last name: some CRMs hold a whole name in it.

    е and ё are one letter to people and two to some databases, hence a pattern with any character in their place.
    """
    patterns = [word.replace("%", r"\%").replace("_", r"\_").replace("е", "_") for word in words]
    return any_of(
        *(
            {"type": "like", "attribute": "lastName", "value": value}
            for pattern in dict.fromkeys(patterns)
            for value in (pattern, f"{pattern} %")
        )
    )


def _full_name(record: Mapping[str, Any]) -> str:
    parts = [record.get(part) for part in ("lastName", "firstName", "middleName")]
    return " ".join(part for part in parts if isinstance(part, str))


def _has(record: Mapping[str, Any], phone: str) -> bool:
    return any(same_number(known, phone) for known in _phones(record))


def _phones(record: Mapping[str, Any]) -> Iterator[str]:
    """The numbers in a record, the main one first: the list of all is only in a record that was read by itself."""
    return _listed(record, "phoneNumber")


def _emails(record: Mapping[str, Any]) -> Iterator[str]:
    """The addresses in a record, in the same way."""
    return _listed(record, "emailAddress")


def _listed(record: Mapping[str, Any], field: str) -> Iterator[str]:
    data = record.get(f"{field}Data")
    listed = [item.get(field) for item in data if isinstance(item, dict)] if isinstance(data, list) else []
    for value in dict.fromkeys([record.get(field), *listed]):
        if isinstance(value, str) and value.strip():
            yield value
