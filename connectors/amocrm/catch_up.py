"""Calls and changed answers since a moment, out of the account's list of events, the newest first.

Source: developers' pages «События и примечания»: the types ``incoming_call`` and ``outgoing_call``, whose
``value_after`` names the note, and ``custom_field_{id}_value_changed``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.amocrm.client import AmoClient, embedded
from connectors.amocrm.contacts import COLLECTIONS, is_id
from connectors.amocrm.events import AT, CALL, CARD
from connectors.base import CatchUpPage, CrmRefused, Reference
from connectors.kit.mapping import FactFields

#: This list has shorter pages than others.
_PAGE = 100
_CALLS = ("incoming_call", "outgoing_call")
_CURSOR = re.compile(r"([0-9]{1,12})/([0-9]{1,6})")


class AmoCatchUp:
    """Reads the list, one request a page. Raises CrmUnavailable, CrmRefused."""

    def __init__(self, api: AmoClient, facts: FactFields, own: int | None, now: Callable[[], datetime]) -> None:
        self._api = api
        self._facts = facts
        self._own = own
        self._now = now

    def page(self, since: datetime, cursor: str | None) -> CatchUpPage:
        """The calls, and the cards on which answers were filled in, each with the moment of that.

        Later events would move the pages, so the list ends where it was begun; they come with webhooks of their own.
        """
        first, (until, number) = int(since.timestamp()), self._place(cursor)
        params = {
            "filter[type]": ",".join([*_CALLS, *(f"custom_field_{name}_value_changed" for name in self._facts.names)]),
            "filter[created_at][from]": str(first),
            "filter[created_at][to]": str(until),
            "limit": str(_PAGE),
            "page": str(number),
        }
        data = self._api.record("events", params)
        events = [] if data is None else embedded(data, "events")
        links = data.get("_links") if data is not None else None
        # Looked at again here: not every account filters its lists.
        known = [event for event in events if isinstance(at := event.get("created_at"), int) and at >= first]
        goes_on = isinstance(links, dict) and bool(links.get("next")) and len(known) == len(events)
        return CatchUpPage(list(self._named(known)), f"{until}/{number + 1}" if goes_on else None)

    def _place(self, cursor: str | None) -> tuple[int, int]:
        if cursor is None:
            return int(self._now().timestamp()), 1
        place = _CURSOR.fullmatch(cursor)
        if place is None:
            raise CrmRefused("the cursor is none of this connector's: begin anew")
        return int(place[1]), int(place[2])

    def _named(self, events: Sequence[Mapping[str, Any]]) -> Iterator[Reference]:
        cards: set[str] = set()
        for event in events:
            collection, card = COLLECTIONS.get(str(event.get("entity_type"))), str(event.get("entity_id"))
            if (
                collection is None
                or not is_id(card)
                or (self._own is not None and event.get("created_by") == self._own)
            ):
                continue
            note = _note(event) if event.get("type") in _CALLS else None
            if note is not None:
                yield Reference(CALL, f"{collection}/{card}/{note}")
            elif self._is_told(event) and f"{collection}/{card}" not in cards:
                # The latest change of a card says what the earlier ones of this page do.
                cards.add(f"{collection}/{card}")
                yield Reference(CARD, f"{collection}/{card}", {AT: event["created_at"]})

    def _is_told(self, event: Mapping[str, Any]) -> bool:
        kind = str(event.get("type"))
        names = {f"custom_field_{name}_value_changed" for name in self._facts.names}
        return kind in names or kind in _CALLS or kind == "custom_field_value_changed"


def _note(event: Mapping[str, Any]) -> str | None:
    for value in event.get("value_after") or ():
        note = value.get("note") if isinstance(value, dict) else None
        number = str(note.get("id")) if isinstance(note, dict) else ""
        if is_id(number):
            return number
    return None
