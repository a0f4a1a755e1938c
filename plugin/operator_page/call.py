"""The call that a page is opened for, cleaned for events and texts: from a link, or typed in by an operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.kit.phones import first_number
from plugin.common.text import clean
from plugin.deciding.ruleset import LABELS
from plugin.events.schema import MAX_NAME


@dataclass(frozen=True, slots=True)
class PageCall:
    """``phone`` is in one notation, None where what was given is no number. A card has both its type and its id, or
    neither, where only the client's name is known.

    ``script`` None: the default one. ``given``: phone, card type and card id as they were told when the call was
    opened, where the operator has changed them since. ``card_fields``: what the card that was found holds in the fields
    that rules read, by their names.
    """

    id: str
    phone: str | None
    operator: str | None
    card_type: str | None = None
    card_id: str | None = None
    card_name: str | None = None
    card_url: str | None = None
    script: str | None = None
    given: tuple[str | None, str | None, str | None] | None = None
    card_fields: Mapping[str, str | bool] = field(default_factory=dict, hash=False)

    def about(self) -> dict[str, Any]:
        """The call and the card as the journal stores them."""
        about: dict[str, Any] = {
            "phone": self.phone,
            "card": {"type": self.card_type, "id": self.card_id, "name": self.card_name, "url": self.card_url},
        }
        about |= {"fields": dict(self.card_fields)} if self.card_fields else {}
        return about | ({"given": list(self.given)} if self.given else {})

    @property
    def opened_with(self) -> tuple[str | None, str | None, str | None]:
        """Phone, card type and card id as they were told when the call was opened."""
        return self.given or (self.phone, self.card_type, self.card_id)

    def event(self) -> dict[str, Any]:
        """The fields ``call`` and ``card`` of a call result."""
        call = {"id": self.id, "phone": self.phone, "operator": self.operator}
        card = {"type": self.card_type, "id": self.card_id, "name": self.card_name, "url": self.card_url}
        body: dict[str, Any] = {"call": {name: value for name, value in call.items() if value}}
        if any(card.values()):
            body["card"] = {name: value for name, value in card.items() if value}
        return body

    def event_fields(self) -> dict[str, Any]:
        """Every field of the event by its path, such as ``call.phone``."""
        event = self.event()
        return {f"{part}.{key}": value for part in event for key, value in event[part].items()}

    def read_fields(self) -> dict[str, str | bool]:
        """What the card holds, by paths such as ``card.brand``."""
        return {f"card.{name}": value for name, value in self.card_fields.items()}

    def context(self) -> dict[str, str | None]:
        """Values for the gaps of texts, without time and deadline, which only the end of the call gives."""
        return {
            "call.id": self.id,
            "call.phone": self.phone,
            "call.operator": self.operator,
            "card.id": self.card_id,
            "card.name": self.card_name or LABELS["card.name"],
            "card.url": self.card_url or LABELS["card.url"],
        }


def page_call(
    id_: str,
    *,
    phone: str | None = None,
    operator: str | None = None,
    card: tuple[str, str] | None = None,
    card_name: str | None = None,
    card_url: str | None = None,
    script: str | None = None,
) -> PageCall:
    """The call from raw values; what cannot be used is left out."""
    return PageCall(
        id=id_,
        phone=first_number(phone),
        operator=line(operator),
        card_type=card[0] if card else None,
        card_id=card[1] if card else None,
        card_name=line(card_name),
        card_url=card_url,
        script=script,
    )


def line(text: str | None) -> str | None:
    """One line, cleaned, not longer than an event takes; None where nothing is left."""
    return clean(text or "", limit=MAX_NAME).or_none


def call_of_about(id_: str, about: Mapping[str, Any], operator: str | None, script: str) -> PageCall:
    """The call that a journal holds."""
    card, given = about.get("card") or {}, about.get("given")
    return PageCall(
        id_,
        about.get("phone"),
        operator,
        card.get("type"),
        card.get("id"),
        card.get("name"),
        card.get("url"),
        script,
        (given[0], given[1], given[2]) if given else None,
        about.get("fields") or {},
    )


def as_kept(call: PageCall, about: Mapping[str, Any] | None) -> PageCall:
    """The call with the number and the card that the operator has given it on the page, if they have."""
    if not about or not about.get("given"):
        return call
    return replace(call_of_about(call.id, about, call.operator, ""), script=call.script)
