"""Events of the portal: proven by the application's token, read out of PHP's form notation, kept as small references.

Sources: https://apidocs.bitrix24.ru/api-reference/events/index.html, /events/safe-event-handlers.html,
/telephony/voximplant/events/on-voximplant-call-end.html, /crm/timeline/activities/events/,
/crm/universal/events/on-crm-dynamic-item-update.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import EventMalformed, EventNotAuthentic, EventsUnverifiable, Reference
from connectors.bitrix24.types import is_id, ref
from connectors.kit.secrets import same_secret

#: The kinds of reference. An activity and an item of the smart process are named by their id, a card as ``type:id``.
CALL, ACTIVITY, ITEM, CARD = "call", "activity", "item", "card"

#: A portal's event has a few dozen.
MOST_FIELDS = 500
_CALL_ID = re.compile(r"[\x21-\x7e]{1,200}")
_CARD_EVENT = re.compile(r"ONCRM(CONTACT|LEAD|DEAL|COMPANY)(ADD|UPDATE)")
_ITEM_EVENT = re.compile(r"ONCRMDYNAMICITEM(ADD|UPDATE)(_\d+)?")
_ACTIVITY_EVENTS = frozenset({"ONCRMACTIVITYADD", "ONCRMACTIVITYUPDATE"})
_CALL_END = "ONVOXIMPLANTCALLEND"


def check_authentic(settings: Mapping[str, Any], auth: object) -> None:
    """Raise EventNotAuthentic unless the event bears the application's token and comes from the portal set."""
    token = settings["application_token"]
    if not token:
        raise EventsUnverifiable("no application_token is set, so no event can be verified")
    given = auth if isinstance(auth, Mapping) else {}
    if not same_secret(given.get("application_token"), token):
        raise EventNotAuthentic("the event's application_token is wrong")
    member = settings["member_id"]
    if member and not same_secret(given.get("member_id"), member):
        raise EventNotAuthentic("the event comes from another portal: member_id differs")


def references(event: Mapping[str, Any], record_type: int | None) -> Sequence[Reference]:
    """What the event names; nothing where it is of no interest. Raises EventMalformed."""
    name = str(event.get("event", "")).upper()
    data = event.get("data")
    fields = data if isinstance(data, Mapping) else {}
    if name == _CALL_END:
        return [_call(fields)]
    inner = fields.get("FIELDS")
    record = inner if isinstance(inner, Mapping) else {}
    if name in _ACTIVITY_EVENTS:
        return [Reference(ACTIVITY, _id(record))]
    if _ITEM_EVENT.fullmatch(name):
        ours = record_type is not None and str(record.get("ENTITY_TYPE_ID")) == str(record_type)
        return [Reference(ITEM, _id(record))] if ours else []
    card = _CARD_EVENT.fullmatch(name)
    if card is not None:
        found = ref(card[1], _id(record))
        return [Reference(CARD, f"{found.type}:{found.id}")] if found is not None else []
    if not name:
        raise EventMalformed("the event has no name")
    return []


def _call(fields: Mapping[str, Any]) -> Reference:
    call = fields.get("CALL_ID")
    if not isinstance(call, str) or not _CALL_ID.fullmatch(call):
        raise EventMalformed("the event names no call")
    activity = fields.get("CRM_ACTIVITY_ID")
    return Reference(CALL, call, {"activity": activity} if is_id(activity) else None)


def _id(record: Mapping[str, Any]) -> str:
    number = record.get("ID")
    if not is_id(number):
        raise EventMalformed("the event names no record")
    return str(number)
