"""Which mapped fields were changed on which cards, when, and what they held then: the account's list of events.

Source: developers' pages «События и примечания» (``custom_field_{id}_value_changed``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from connectors.amocrm.client import AmoClient
from connectors.amocrm.contacts import held_values, spelt
from connectors.base import CardRef
from connectors.kit.mapping import FactField, FactFields, FactValue

#: This list has shorter pages than others.
_PAGE = 100
#: A clock that is a little fast must not hide what has just been filled in.
_CLOCKS_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class ChangedField:
    """One change of a field, at ``at`` in unix seconds. ``ours``: by the plugin's own user.

    ``values`` are what the field held from then on, as a card's record shows them; ``superseded``: until it was changed
    again.
    """

    card: CardRef
    field_id: str
    at: int
    ours: bool = False
    values: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    superseded: bool = False

    def read(self, item: FactField, record: Mapping[str, Any]) -> FactValue | None:
        """The fact that the change has said; ``record`` is the card's as it is now. Raises NotMapped."""
        values = self.values if self.superseded else held_values(record, self.field_id)
        return item.read([spelt(value, item) for value in values])


class FieldChanges:
    """Looks changes up. Raises CrmUnavailable, CrmRefused."""

    def __init__(self, api: AmoClient, facts: FactFields, own: int | None, now: Callable[[], datetime]) -> None:
        self._api = api
        self._facts = facts
        self._own = own
        self._now = now

    def any_since(self, card: CardRef, since: int) -> bool:
        """Whether somebody else than the plugin has changed a mapped field of this card since, in unix seconds."""
        return any(not change.ours for change in self._all(card.type, [card.id], since - _CLOCKS_SECONDS))

    def last(self, cards: Sequence[CardRef], since: int, until: int) -> dict[str, ChangedField]:
        """The last change of each mapped field on any of these cards between both moments, not by the plugin."""
        found: dict[str, ChangedField] = {}
        changes = [change for change in self._since(cards, since) if change.card in cards]
        for change in changes:
            known = found.get(change.field_id)
            if change.at <= until and not change.ours and (known is None or known.at < change.at):
                found[change.field_id] = change
        return {name: _marked(change, changes) for name, change in found.items()}

    def _since(self, cards: Sequence[CardRef], since: int) -> Iterator[ChangedField]:
        for kind in dict.fromkeys(card.type for card in cards):
            yield from self._all(kind, [card.id for card in cards if card.type == kind], since)

    def _all(self, kind: str, ids: Sequence[str], since: int) -> Iterator[ChangedField]:
        params = {
            "filter[entity]": kind,
            "filter[entity_id]": ",".join(ids),
            "filter[type]": ",".join(f"custom_field_{name}_value_changed" for name in self._facts.names),
            "filter[created_at][from]": str(since),
            "filter[created_at][to]": str(int(self._now().timestamp()) + _CLOCKS_SECONDS),
        }
        for event in self._api.listed("events", "events", params, limit=_PAGE):
            at, name = event.get("created_at"), _field_of(event)
            # Looked at again here: not every account filters its lists.
            wanted = name in self._facts.names and event.get("entity_type", kind) == kind
            if wanted and isinstance(at, int) and at >= since:
                ours = self._own is not None and event.get("created_by") == self._own
                yield ChangedField(CardRef(kind, str(event.get("entity_id"))), name, at, ours, _after(event))


def _marked(change: ChangedField, changes: Sequence[ChangedField]) -> ChangedField:
    """The change, knowing whether its field was changed again, by whomever."""
    same = (other for other in changes if (other.card, other.field_id) == (change.card, change.field_id))
    return replace(change, superseded=any(other.at > change.at for other in same))


def _fields(event: Mapping[str, Any], when: str) -> list[Mapping[str, Any]]:
    """What an event tells of custom fields, ``value_after`` or ``value_before`` it."""
    values = event.get(when)
    held = [value.get("custom_field_value") for value in values or () if isinstance(value, dict)]
    return [value for value in held if isinstance(value, dict)]


def _field_of(event: Mapping[str, Any]) -> str:
    """The id of the field that an event is about: in its type or, where that names none, in its value."""
    kind = str(event.get("type", ""))
    if kind != "custom_field_value_changed":
        return kind.removeprefix("custom_field_").removesuffix("_value_changed")
    told = _fields(event, "value_after") or _fields(event, "value_before")
    return str(told[0].get("field_id")) if told else ""


def _after(event: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [{"value": told.get("text"), "enum_id": told.get("enum_id")} for told in _fields(event, "value_after")]
