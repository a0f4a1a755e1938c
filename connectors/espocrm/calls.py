"""A call's record made a call result: its own answers, or those that were put into the card while it was on.

A card keeps the answers of earlier calls. Its modification time does not tell which of them are new, for any change of
the card moves it; EspoCRM's stream does, for audited fields: what each became, and when (``Stream/Service.php``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.base import CallResult, CardRef, CrmRefused, NotMapped, Reference
from connectors.espocrm.client import EspoClient, moment, stamp
from connectors.espocrm.events import CLEARED, MISSED
from connectors.espocrm.settings import CARD_FIELD, CARD_TYPES, PEOPLE, call_entities
from connectors.espocrm.users import EspoUsers
from connectors.http.answers import log_safe
from connectors.kit.mapping import FactFields

_CARD_NAMES = {entity: kind for kind, entity in CARD_TYPES.items()}
#: The links of a call to its attendees, and the types that they lead to.
_ATTENDEES = {"contacts": "Contact", "leads": "Lead"}
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LONGEST_NOTE = 10_000
_LONGEST_LINE = 500
#: A call that was held before its planned start: how long it may have taken.
_LONGEST_CALL = timedelta(hours=1)
_MOST_UPDATES = 200
_CHANGED_BY_OWN = (
    "a call that has or had answers was last changed under the plugin's own user, which nothing else may use: "
    "give the other program or workflow a user of its own, then save the call again"
)


class EspoCalls:
    """Reads the calls of one account."""

    def __init__(self, api: EspoClient, settings: Mapping[str, Any], users: EspoUsers) -> None:
        self._api = api
        self._users = users
        self._facts: FactFields = settings["facts"]
        self._statuses: Mapping[str, str] = settings["statuses"]
        self._phone_field: str | None = settings["phone_field"]
        self._entities = {"Call", *call_entities(settings["webhooks"])}

    def read(self, reference: Reference) -> CallResult | None:
        """The call result, None where there is none. Raises CrmUnavailable, CrmRefused, NotMapped."""
        record = self._api.record(reference.kind, reference.id) if reference.kind in self._entities else None
        if record is None:
            return None
        state = self._state(record)
        if state == "none":
            return None
        card = _card(record)
        facts: dict[str, Any] = dict(self._facts.read(record | self._answers_in(card, record)))
        # An old call without answers is nobody's wish in words, whatever it is described by.
        is_told = bool(facts) or not (reference.data or {}).get(MISSED)
        cleared = self._cleared(reference)
        facts |= {item.fact: None for item in self._facts.fields if item.field in cleared and item.fact not in facts}
        if not facts:
            return None
        if (record.get("modifiedById") or record.get("createdById")) == self._users.own():
            # The plugin never changes a call. Whoever does so under its user may also have overwritten an answer.
            raise NotMapped(_CHANGED_BY_OWN)
        operator = _line(record.get("assignedUserName"))
        call = {"id": record["id"], "phone": self._phone(record, card), "operator": operator}
        result: dict[str, Any] = {
            "occurred_at": self._ended(record).isoformat(),
            "final": state == "over",
            "call": {name: value for name, value in call.items() if value},
            "facts": facts,
        }
        note = _CONTROLS.sub("", str(record.get("description") or "")).strip()[:_LONGEST_NOTE]
        result |= {"note": note} if note and is_told else {}
        result |= {"card": self._shown(card, record)} if card else {}
        return {"id": _event_id(record, result), **result}

    def _cleared(self, reference: Reference) -> Sequence[str]:
        """The fields of the call that count as taken back where they are empty."""
        data = reference.data or {}
        if data.get(MISSED):
            return [name for name in self._facts.names if not name.startswith(CARD_FIELD)]
        return list(data.get(CLEARED, ()))

    def _state(self, record: Mapping[str, Any]) -> str:
        status = record.get("status")
        if status is None:
            # An entity of the admin's own making need not have one; a record of it is a finished call.
            return "over"
        if status not in self._statuses:
            raise NotMapped(
                f"a call has the status {log_safe(str(status))!r}, which means nothing to the plugin yet: "
                "map it in plugin.toml, statuses"
            )
        return self._statuses[str(status)]

    @staticmethod
    def _ended(record: Mapping[str, Any]) -> datetime:
        """The end of the call. One that was over before its planned end was over when that was recorded."""
        ended, recorded = moment(record.get("dateEnd")), moment(record.get("modifiedAt") or record.get("createdAt"))
        known = [value for value in (ended, recorded) if value is not None]
        if not known:
            raise CrmRefused("the CRM does not show when the call was: let the API user's role read its dates")
        return min(known)

    def _answers_in(self, card: CardRef | None, record: Mapping[str, Any]) -> dict[str, Any]:
        """What the mapped fields of the card became since the call began, the latest of each."""
        fields = [name.removeprefix(CARD_FIELD) for name in self._facts.names if name.startswith(CARD_FIELD)]
        began = _began(record)
        if not fields or card is None or began is None:
            return {}
        params = {"filter": "updates", "after": stamp(began - timedelta(seconds=1))}
        found: dict[str, Any] = {}
        path = f"{CARD_TYPES[card.type]}/{card.id}/stream"
        for note in self._api.page(path, params, most=_MOST_UPDATES):
            at, became = moment(note.get("createdAt")), _became(note)
            if note.get("parentId") == card.id and at is not None and at >= began:
                new = {f"{CARD_FIELD}{name}": became[name] for name in fields if name in became}
                # Newest first: what is known already is newer.
                found = new | found
        return found

    def _phone(self, record: Mapping[str, Any], card: CardRef | None) -> str | None:
        """The number that was dialled: as its field says, else the card's, else that of the only one who has one."""
        if self._phone_field and (dialled := _line(record.get(self._phone_field))):
            return dialled
        numbers = record.get("phoneNumbersMap")
        if not isinstance(numbers, Mapping):
            return None
        known = {str(person): line for person, number in numbers.items() if (line := _line(number))}
        if card is not None and (own := known.get(f"{CARD_TYPES[card.type]}_{card.id}")):
            return own
        others = set(known.values())
        return others.pop() if len(others) == 1 else None

    def _shown(self, card: CardRef, record: Mapping[str, Any]) -> dict[str, str]:
        entity = CARD_TYPES[card.type]
        shown = {"type": card.type, "id": card.id, "url": self._api.address(entity, card.id)}
        names = record.get(f"{card.type}sNames")
        name = _line(names.get(card.id)) if isinstance(names, Mapping) else None
        if name is None and record.get("parentId") == card.id:
            name = _line(record.get("parentName"))
        return shown | ({"name": name} if name else {})


def _card(record: Mapping[str, Any]) -> CardRef | None:
    """The client's card: the one person who took part, else what the call belongs to.

    A call made from a contact's page belongs to the contact's account, and has the contact among those who took part.
    """
    people = [
        CardRef(_CARD_NAMES[entity], person)
        for link, entity in _ATTENDEES.items()
        for person in record.get(f"{link}Ids") or ()
        if isinstance(person, str)
    ]
    kind, parent = _CARD_NAMES.get(str(record.get("parentType"))), record.get("parentId")
    belongs_to = CardRef(kind, parent) if kind and isinstance(parent, str) and parent else None
    if len(people) == 1 and (belongs_to is None or belongs_to.type not in PEOPLE):
        return people[0]
    return belongs_to


def _began(record: Mapping[str, Any]) -> datetime | None:
    """When the call began. One held before its planned start began within the hour before it was recorded."""
    start, modified, created = (moment(record.get(name)) for name in ("dateStart", "modifiedAt", "createdAt"))
    if start is not None and (modified is None or start <= modified):
        return start
    if modified is None:
        return None
    recently = modified - _LONGEST_CALL
    return recently if created is None else max(created, recently)


def _became(note: Mapping[str, Any]) -> Mapping[str, Any]:
    data = note.get("data")
    attributes = data.get("attributes") if isinstance(data, Mapping) else None
    became = attributes.get("became") if isinstance(attributes, Mapping) else None
    return became if isinstance(became, Mapping) else {}


def _line(value: object) -> str | None:
    text = " ".join(_CONTROLS.sub(" ", value).split())[:_LONGEST_LINE] if isinstance(value, str) else ""
    return text or None


def _event_id(record: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """The same for the same state of the record: told again, it is known again; changed, it is another event."""
    content = json.dumps([record.get("modifiedAt"), result], sort_keys=True, ensure_ascii=False).encode()
    return f"{record['id']}-{hashlib.sha256(content).hexdigest()[:16]}"
