"""Clients' cards, read by id and found by phone and full name: the CRM itself compares notations and spellings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base import Card, CardRef
from connectors.embedded.client import EmbeddedClient
from connectors.embedded.settings import CONTACT


def read_card(api: EmbeddedClient, card: CardRef) -> Card | None:
    """The card, or None where there is none (any more). Raises CrmUnavailable, CrmRefused."""
    record = api.record("cards", card.id) if card.type == CONTACT else None
    return None if record is None else _card_of(api, record)


def find_contacts(api: EmbeddedClient, phone: str | None, name: str | None) -> list[Card]:
    """All cards with this phone and this full name; what is None is not looked at.

    Raises CrmUnavailable, CrmRefused.
    """
    params = {key: value for key, value in (("phone", phone), ("name", name)) if value}
    # Without anything to look for, the CRM would list all cards.
    return [_card_of(api, record) for record in api.pages("cards", params)] if params else []


def _card_of(api: EmbeddedClient, record: Mapping[str, Any]) -> Card:
    ref = CardRef(CONTACT, str(record["id"]))
    return Card(ref, record["name"], f"{api.http.base_url}/cards/{ref.id}", tuple(record["phones"]))
