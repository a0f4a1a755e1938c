"""Clients' cards, read by id and found by phone, else by full name; what the CRM has found is compared again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.base import Card, CardFieldState, CardRef, CrmUnavailable
from connectors.embedded.client import EmbeddedClient
from connectors.embedded.settings import CONTACT
from connectors.kit.card_fields import card_field_state, read_card_fields
from connectors.kit.mapping import NO_FIELDS, FactFields
from connectors.kit.names import name_key, same_name
from connectors.kit.phones import first_number, same_number


def read_card(api: EmbeddedClient, card: CardRef, declared: FactFields = NO_FIELDS) -> Card | None:
    """The card with these fields, or None where there is none (any more). Raises CrmUnavailable, CrmRefused."""
    record = api.record("cards", card.id) if card.type == CONTACT else None
    if record is None:
        return None
    held = read_card_fields(declared, (record.get("fields") or {}).get)
    return replace(_card_of(api, record), fields=held.fields, unmapped=held.unmapped)


def card_field_states(api: EmbeddedClient, declared: FactFields) -> Sequence[CardFieldState]:
    """Whether some card has each of these fields; what it may hold is not laid down in this CRM.

    Raises CrmUnavailable, CrmRefused.
    """
    if not declared.fields:
        return ()
    known = api.get("card-fields").data
    if not isinstance(known, dict) or not isinstance(known.get("items"), list):
        raise CrmUnavailable("the CRM answered with something that is no list")
    return [card_field_state(item, item.field in known["items"], None) for item in declared.fields]


def find_contacts(api: EmbeddedClient, phone: str | None, name: str | None) -> list[Card]:
    """All cards with this phone and this full name; what is None is not looked at.

    Raises CrmUnavailable, CrmRefused.
    """
    if phone:
        number = first_number(phone)
        found = [] if number is None else _found(api, {"phone": number})
        found = [card for card in found if any(same_number(number, held) for held in card.phones)]
    else:
        found = _found(api, {"name": name}) if name and name_key(name) else []
    return [card for card in found if not name or same_name(name, card.name or "")]


def _found(api: EmbeddedClient, params: Mapping[str, str]) -> list[Card]:
    return [_card_of(api, record) for record in api.pages("cards", params)]


def _card_of(api: EmbeddedClient, record: Mapping[str, Any]) -> Card:
    ref = CardRef(CONTACT, str(record["id"]))
    return Card(ref, record["name"], f"{api.http.base_url}/cards/{ref.id}", tuple(record["phones"]))
