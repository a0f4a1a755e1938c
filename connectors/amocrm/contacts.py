"""Cards: leads, contacts, companies and customers, read and found.

Sources: amoCRM developers' pages «Сделки», «Контакты», «Компании», «Покупатели».
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.amocrm.client import AmoClient, each
from connectors.base import Card, CardRef, NotDone
from connectors.kit.card_fields import Getter, read_card_fields
from connectors.kit.mapping import NO_FIELDS, FactField, FactFields
from connectors.kit.names import name_parts, same_name
from connectors.kit.phones import notations, same_number
from plugin.common.text import clean

#: Types of card, and what the API calls all cards of the type.
COLLECTIONS: Mapping[str, str] = {
    "lead": "leads",
    "contact": "contacts",
    "company": "companies",
    "customer": "customers",
}
TYPES: Mapping[str, str] = {collection: kind for kind, collection in COLLECTIONS.items()}

_ID = re.compile(r"[1-9][0-9]{0,17}")
#: Cards that are somebody's business rather than the person: name and phones are their main contact's.
_OF_A_CONTACT = frozenset({"lead", "customer"})


def is_id(value: object) -> bool:
    """Whether a record can have this id."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def path_of(card: CardRef) -> str | None:
    """The API's path of a card, None for one that cannot exist."""
    collection = COLLECTIONS.get(card.type)
    return f"{collection}/{card.id}" if collection and is_id(card.id) else None


def no_such_card(card: CardRef) -> NotDone:
    """The outcome of a write into a card that cannot exist."""
    kinds = ", ".join(COLLECTIONS)
    return NotDone(f"the CRM has no cards of type {card.type!r} with such an id (there are: {kinds})", permanent=True)


class AmoContacts:
    """Reads and finds cards. Raises CrmUnavailable, CrmRefused."""

    def __init__(self, api: AmoClient, declared: FactFields = NO_FIELDS) -> None:
        self._api = api
        self._declared = declared

    def record(self, card: CardRef) -> dict[str, Any] | None:
        """The card's record with what it is linked to; None where it is gone."""
        path = path_of(card)
        if path is None:
            return None
        record = self._api.record(path, _linked_to(card.type))
        return None if record is None or record.get("is_deleted") is True else record

    def read(self, card: CardRef) -> Card | None:
        record = self.record(card)
        return None if record is None else self.shown(card, record)

    def read_many(self, cards: Sequence[CardRef]) -> dict[CardRef, Card]:
        """Those of the cards that a filter finds, a request for each type and one for their main contacts.

        An account may not heed the filter, and a list shows no card that was deleted, so what is left out may be there.
        """
        records = {card: record for kind in COLLECTIONS for card, record in self._filtered(kind, cards).items()}
        mains = {
            card: CardRef("contact", str(main["id"]))
            for card, record in records.items()
            if card.type in _OF_A_CONTACT and (main := _main_of(record)) is not None
        }
        people = self._filtered("contact", list(dict.fromkeys(mains.values())))
        return {
            card: self._card(card, record, people.get(mains[card]) if card in mains else None)
            for card, record in records.items()
            if card not in mains or mains[card] in people
        }

    def _filtered(self, kind: str, cards: Sequence[CardRef]) -> dict[CardRef, dict[str, Any]]:
        wanted = {card.id: card for card in cards if card.type == kind and is_id(card.id)}
        if not wanted:
            return {}
        # One page: where the filter is not heeded, the others hold no more of what was asked for than this one.
        params = {**each("id", list(wanted)), **(_linked_to(kind) or {})}
        found = self._api.listed(COLLECTIONS[kind], COLLECTIONS[kind], params, one_page=True)
        return {
            wanted[str(record.get("id"))]: record
            for record in found
            if str(record.get("id")) in wanted and record.get("is_deleted") is not True
        }

    def shown(self, ref: CardRef, record: Mapping[str, Any]) -> Card:
        """The card of a record. A lead and a customer go by the name and the phones of their main contact."""
        return self._card(ref, record, self._main_contact(record) if ref.type in _OF_A_CONTACT else None)

    def _card(self, ref: CardRef, record: Mapping[str, Any], person: Mapping[str, Any] | None) -> Card:
        url = f"{self._api.base_url}/{COLLECTIONS[ref.type]}/detail/{ref.id}"
        if person is None:
            card = Card(ref, _name(record), url, _held(record, "PHONE"), emails=_held(record, "EMAIL"))
        else:
            phones, emails = (_held(person, code) or _held(record, code) for code in ("PHONE", "EMAIL"))
            card = Card(ref, _name(person) or _name(record), url, phones, emails=emails)
        records = [_getter(self._declared, one) for one in (record, person) if one is not None]
        held = read_card_fields(self._declared, *records)
        return replace(card, fields=held.fields, unmapped=held.unmapped)

    def find(self, phone: str | None, name: str | None) -> Sequence[Card]:
        """All contacts with this phone and this full name.

        ``query`` looks for a text in all filled fields, whatever stands between the digits of a number. So a name is
        asked for in every order, a number by notations until one of them finds somebody, and what comes is looked
        through here.
        """
        found: dict[str, Card] = {}
        # The last notation is part of all others: what is written in any way is found by it, mostly.
        for query in notations(phone)[::-1] if phone else _orders(name or ""):
            for record in self._api.listed("contacts", "contacts", {"query": query}):
                card = self.shown(CardRef("contact", str(record.get("id"))), record)
                if _fits(card, phone, name):
                    found[card.ref.id] = card
            if phone and found:
                break
        return list(found.values())

    def _main_contact(self, record: Mapping[str, Any]) -> dict[str, Any] | None:
        main = _main_of(record)
        return None if main is None else self.record(CardRef("contact", str(main.get("id"))))


def _linked_to(kind: str) -> dict[str, str] | None:
    """What a card is asked for together with, by the API's parameter."""
    links = {"contact": "leads", "lead": "contacts", "customer": "contacts"}.get(kind)
    return {"with": links} if links else None


def _main_of(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a lead or a customer says of its main contact."""
    contacts = linked(record, "contacts")
    return next((contact for contact in contacts if contact.get("is_main")), contacts[0] if contacts else None)


def linked(record: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """What a record is linked to, where the answer says so."""
    inner = record.get("_embedded")
    items = inner.get(name) if isinstance(inner, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def values_of(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The filled custom fields of a card."""
    items = record.get("custom_fields_values")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def held_values(record: Mapping[str, Any], field_id: str) -> list[Mapping[str, Any]]:
    """What a card's custom field holds now."""
    held = next((item for item in values_of(record) if str(item.get("field_id")) == field_id), None)
    return [value for value in (held or {}).get("values") or () if isinstance(value, dict)]


def spelt(value: Mapping[str, Any], item: FactField) -> Any:
    """A value as the mapping spells it: of a list's entry the id or its text, whichever is mapped."""
    known = {*(item.values or {}), *item.empty}
    entry = value.get("enum_id")
    return entry if entry is not None and str(entry) in known else value.get("value")


def _getter(declared: FactFields, record: Mapping[str, Any]) -> Getter:
    items = {item.field: item for item in declared.fields}
    return lambda field_id: [spelt(value, items[field_id]) for value in held_values(record, field_id)]


def _fits(card: Card, phone: str | None, name: str | None) -> bool:
    by_phone = not phone or any(same_number(phone, held) for held in card.phones)
    return by_phone and (not name or same_name(name, card.name or ""))


def _orders(name: str) -> list[str]:
    """The full name as it may stand in a card: any of its parts first, with ё and without, and as it is compared.

    None for what is no name.
    """
    folded = " ".join(name_parts(name))
    if not folded:
        return []
    parts = clean(name).text.split()
    turned = [" ".join(parts[place:] + parts[:place]) for place in range(min(len(parts), 3))]
    found = list(dict.fromkeys(turned + [text.replace("ё", "е").replace("Ё", "Е") for text in turned]))
    # Look-alikes, hyphens and the like; the search makes no difference by case.
    return found if folded in map(str.casefold, found) else [*found, folded]


def _name(record: Mapping[str, Any]) -> str | None:
    name = record.get("name")
    if not (isinstance(name, str) and name.strip()):
        name = " ".join(str(record.get(part) or "") for part in ("last_name", "first_name"))
    return name.strip() or None


def _held(record: Mapping[str, Any], code: str) -> tuple[str, ...]:
    """The numbers or addresses in a record's own fields."""
    return tuple(
        str(value["value"])
        for field in values_of(record)
        if field.get("field_code") == code
        for value in field.get("values") or ()
        if isinstance(value, dict) and value.get("value")
    )
