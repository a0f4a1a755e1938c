"""What a call's note and the cards around it say of a call.

A note of a call has no fields of its own that could hold answers, so the operator fills them in on a card. Last month's
answers stand there too; therefore a field counts only if the account's list of events says that it was changed since
the call began and within ``call_window_hours`` of its end, by somebody else than the plugin, and before a later call of
the card began. Source: developers' pages «События и примечания» (``custom_field_{id}_value_changed``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.amocrm.changes import FieldChanges
from connectors.amocrm.client import AmoClient, each, embedded
from connectors.amocrm.contacts import COLLECTIONS, TYPES, AmoContacts, is_id, linked
from connectors.amocrm.events import AT, CALL
from connectors.base import CallResult, CardRef, Reference
from connectors.kit.callers import caller
from connectors.kit.mapping import FactFields, FactValue

_NOTE_TYPES = ("call_in", "call_out")
#: So many of a contact's leads are looked at, the newest first: the list of events takes no more of them at once.
_MOST_LINKED = 10
_LONGEST_NOTE = 10_000
_HOUR = 3600

#: Cards around a call; the records of those beside the one that was named are read once they are needed.
Around = Mapping[CardRef, Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class _Call:
    """A call by its note; moments in unix seconds. ``until``: what is changed later does not belong to it."""

    card: CardRef
    note: Mapping[str, Any]
    began: int
    ended: int
    until: int

    @property
    def params(self) -> Mapping[str, Any]:
        params = self.note.get("params")
        return params if isinstance(params, dict) else {}


class AmoCalls:
    """Makes call results of what events name. Raises CrmUnavailable, CrmRefused, NotMapped."""

    def __init__(
        self, api: AmoClient, cards: AmoContacts, settings: Mapping[str, Any], now: Callable[[], datetime]
    ) -> None:
        self._api = api
        self._cards = cards
        self._facts: FactFields = settings["facts"]
        self._own = settings.get("own_user")
        self._window = int(settings["call_window_hours"] * _HOUR)
        self._now = now
        self._changes = FieldChanges(api, self._facts, self._own, now)

    def resolve(self, reference: Reference) -> CallResult | None:
        """The call result, None where nothing mapped was filled in for a call of ours (yet)."""
        place = reference.id.split("/")
        if (
            not self._facts.fields
            or len(place) not in (2, 3)
            or place[0] not in TYPES
            or not all(map(is_id, place[1:]))
        ):
            return None
        card = CardRef(TYPES[place[0]], place[1])
        changed = (reference.data or {}).get(AT)
        at = int(self._now().timestamp() if changed is None else changed)
        if len(place) == 2 and not self._changes.any_since(card, at - self._window):
            return None
        record = self._cards.record(card)
        if record is None:
            return None
        around: Around = {card: record, **_linked(card, record)}
        calls = list(self._notes(around))
        if reference.kind == CALL and len(place) == 3:
            call = self._call(card, self._api.record(f"{place[0]}/{place[1]}/notes/{place[2]}"))
        else:
            # A moment of the CRM's own clock tells earlier calls from later ones; ours may be behind.
            began_by = at if changed is not None else float("inf")
            call = max(
                (call for call in calls if call.began <= began_by and at <= call.until), key=_order, default=None
            )
        if call is None:
            return None
        until = [call.until, *(other.began - 1 for other in calls if _order(other) > _order(call))]
        return self._result(call, around, min(until))

    # --- the call ----------------------------------------------------------------------------------

    def _call(self, card: CardRef, note: Mapping[str, Any] | None) -> _Call | None:
        if note is None or note.get("note_type") not in _NOTE_TYPES or not isinstance(note.get("created_at"), int):
            return None
        if self._own is not None and note.get("created_by") == self._own:
            return None
        ended = int(note["created_at"])
        params = note.get("params")
        duration = params.get("duration") if isinstance(params, dict) else 0
        lasted = duration if isinstance(duration, int) and not isinstance(duration, bool) else 0
        return _Call(card, note, ended - max(lasted, 0), ended, ended + self._window)

    def _notes(self, around: Around) -> Iterator[_Call]:
        """The last calls on these cards."""
        kinds = {f"filter[note_type][{place}]": kind for place, kind in enumerate(_NOTE_TYPES)}
        for kind, ids in _by_kind(around).items():
            params = kinds | each("entity_id", ids) | {"order[id]": "desc", "limit": "50"}
            data = self._api.record(f"{COLLECTIONS[kind]}/notes", params)
            for note in [] if data is None else embedded(data, "notes"):
                call = self._call(CardRef(kind, str(note.get("entity_id"))), note)
                if call is not None and call.card in around:
                    yield call

    # --- its facts ---------------------------------------------------------------------------------

    def _result(self, call: _Call, around: Around, until: int) -> CallResult | None:
        changes = self._changes.last(list(around), call.began, until)
        records = {ref: around.get(ref) or self._cards.record(ref) for ref in {c.card for c in changes.values()}}
        facts: dict[str, FactValue | None] = {}
        for item in self._facts.fields:
            change = changes.get(item.field)
            record = None if change is None else records[change.card]
            # A card that was deleted since takes nothing back.
            if change is not None and record is not None:
                facts[item.fact] = change.read(item, record)
        if not facts:
            return None
        ended = max(call.ended, *(change.at for change in changes.values()))
        result: dict[str, Any] = {"occurred_at": datetime.fromtimestamp(ended, UTC).isoformat(), "facts": facts}
        result |= self._about(call, around)
        # The same call told again after a change is another event; told again as it was, it is the same.
        content = hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()[:16]
        return {"id": f"note-{call.note['id']}-{content}", **result}

    def _about(self, call: _Call, around: Around) -> dict[str, Any]:
        record = around.get(call.card) or self._cards.record(call.card) or {}
        card = self._cards.shown(call.card, record)
        phone = caller(call.params.get("phone"), card.phones)
        about: dict[str, Any] = {"call": {"id": str(call.params.get("uniq") or f"note-{call.note['id']}")}}
        if phone:
            about["call"]["phone"] = phone
        operator = call.note.get("responsible_user_id") or call.note.get("created_by")
        if operator:
            about["call"]["operator"] = str(operator)
        about["card"] = {"type": card.ref.type, "id": card.ref.id, "name": card.name, "url": card.url}
        said = call.params.get("call_result")
        if isinstance(said, str) and said.strip():
            about["note"] = said.strip()[:_LONGEST_NOTE]
        return about


def _order(call: _Call) -> tuple[int, int]:
    return call.ended, _number(call.note.get("id"))


def _number(value: object) -> int:
    return int(str(value)) if str(value).isdigit() else 0


def _by_kind(around: Around) -> dict[str, list[str]]:
    """The ids of these cards by their type."""
    found: dict[str, list[str]] = {}
    for card in around:
        found.setdefault(card.type, []).append(card.id)
    return found


def _linked(card: CardRef, record: Mapping[str, Any]) -> dict[CardRef, None]:
    """The cards on which the answers may stand as well: a contact's newest leads, a lead's contacts."""
    if card.type == "contact":
        newest = sorted((_number(lead.get("id")) for lead in linked(record, "leads")), reverse=True)
        return {CardRef("lead", str(number)): None for number in newest[:_MOST_LINKED]}
    contacts = linked(record, "contacts")[:_MOST_LINKED] if card.type == "lead" else []
    return {CardRef("contact", str(contact.get("id"))): None for contact in contacts}
