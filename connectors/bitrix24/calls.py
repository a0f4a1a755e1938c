"""From what an event named to a call result: the call, its card and its answers are read again over the API.

Where the answers may stand: in the call's own records (its activity, its line of the telephony statistics), in an item
of a smart process made for the call, or on the client's card. An item and the call's records are about one call, so
they always count. A card keeps last month's answers: ``updatedTime`` changes with anything on it, so the answers count
only if a date and time field that the admins fill with them says that they were given during this call or soon after.
Sources: https://apidocs.bitrix24.ru/api-reference/telephony/voximplant/voximplant-statistic-get.html,
/crm/timeline/activities/activity-base/crm-activity-get.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.base import CallResult, Card, CardRef, CrmRefused, Reference
from connectors.bitrix24.client import Bitrix24Client
from connectors.bitrix24.commands import BatchAnswer, Command
from connectors.bitrix24.contacts import card_of, read_item
from connectors.bitrix24.errors import is_gone
from connectors.bitrix24.events import ACTIVITY, CALL, CARD, ITEM
from connectors.bitrix24.settings import mapped_fields
from connectors.bitrix24.types import CONTACT, TYPES, place, ref
from connectors.kit.callers import caller
from connectors.kit.mapping import FactFields, FactValue

_CALL_ACTIVITY = "2"
_ANSWERED = "200"
#: Clocks of people and portals differ, and an answer may be given while the call is still being set up.
_EARLIER = timedelta(minutes=1)
_NO_ACCESS = frozenset({"INSUFFICIENT_SCOPE", "ACCESS_DENIED"})


class CallReader:
    """Reads calls with the account's settings. ``own_user``: whose changes are the plugin's own."""

    def __init__(self, portal: Bitrix24Client, settings: Mapping[str, Any], own_user: str | None) -> None:
        self._portal = portal
        self._own_user = own_user
        facts: FactFields = settings["facts"]
        self._of_call = mapped_fields(facts, of_call=True)
        self._of_card = mapped_fields(facts, of_call=False)
        self._changed_field = settings["facts_changed_field"]
        self._within = timedelta(minutes=settings["facts_within_minutes"])
        self._record_type = settings["record_type"]
        self._phone_field = settings["record_phone_field"]
        self._time_field = settings["record_time_field"]

    def resolve(self, reference: Reference) -> CallResult | None:
        """The call result, None where it is none. Raises CrmUnavailable, CrmRefused, NotMapped."""
        if reference.kind == ITEM:
            return self._of_item(reference.id)
        if reference.kind == CARD:
            last = self._last_call_of(reference.id)
            return None if last is None else self._of_activity(last)
        if reference.kind == ACTIVITY:
            return self._of_activity(reference.id)
        if reference.kind == CALL:
            activity = (reference.data or {}).get("activity")
            return self._of_call_record({"CALL_ID": reference.id}, str(activity) if activity else None)
        return None

    # --- a call of the telephony ---------------------------------------------------------------------

    def _of_activity(self, activity_id: str) -> CallResult | None:
        return self._of_call_record({"CRM_ACTIVITY_ID": activity_id}, activity_id, told_by_activity=True)

    def _of_call_record(
        self, wanted: Mapping[str, str], activity_id: str | None, *, told_by_activity: bool = False
    ) -> CallResult | None:
        commands = {"line": Command("voximplant.statistic.get", {"FILTER": wanted})}
        if activity_id is not None:
            commands["activity"] = Command("crm.activity.get", {"id": activity_id})
        answer = self._portal.ask(commands)
        found_activity = self._activity(answer) if activity_id is not None else None
        if told_by_activity and found_activity is None:
            return None
        activity = found_activity or {}
        line = self._line(answer, needed=not told_by_activity)
        if not line and not activity:
            return None
        if told_by_activity and self._is_own(activity.get("EDITOR_ID")):
            return None
        if str(line.get("CALL_FAILED_CODE") or _ANSWERED) != _ANSWERED:
            return None
        started, ended = _times(line, activity)
        if started is None or ended is None:
            return None
        card = self._card_of_call(line, activity)
        found = read_item(self._portal, card) if card is not None else None
        facts = _answers(self._of_call, {**activity, **line})
        # The answers may stand on the deal that the call belongs to, or on its contact.
        for record in found or ():
            if self._is_of_this_call(record, started, ended):
                facts |= _answers(self._of_card, record)
        call: dict[str, Any] = {"id": str(line.get("CALL_ID") or f"activity-{activity_id}")}
        return self._result(
            call,
            phone=caller(line.get("PHONE_NUMBER")),
            operator=line.get("PORTAL_USER_ID") or activity.get("RESPONSIBLE_ID"),
            ended=ended,
            facts=facts,
            card=None if card is None or found is None else card_of(self._portal, card, *found),
            note=line.get("COMMENT"),
            revision=str(activity.get("LAST_UPDATED") or ""),
        )

    def _activity(self, answer: BatchAnswer) -> Mapping[str, Any] | None:
        """The call's activity; None where it is none of a call, or gone."""
        refused = self._portal.refusal(answer, "activity", "crm.activity.get")
        if isinstance(refused, CrmRefused) and is_gone(refused):
            return None
        if refused is not None:
            raise refused
        found = answer.results["activity"]
        is_call = isinstance(found, Mapping) and str(found.get("TYPE_ID")) == _CALL_ACTIVITY
        return found if is_call else None

    def _line(self, answer: BatchAnswer, *, needed: bool) -> Mapping[str, Any]:
        """The call's line of the statistics; empty where there is none, or where an activity does without."""
        refused = self._portal.refusal(answer, "line", "voximplant.statistic.get")
        if refused is not None:
            may_not = isinstance(refused, CrmRefused) and (refused.code or "").upper() in _NO_ACCESS
            if needed or not may_not:
                raise refused
            return {}
        lines = answer.results["line"]
        found = lines[0] if isinstance(lines, list) and lines else {}
        return found if isinstance(found, Mapping) else {}

    def _card_of_call(self, line: Mapping[str, Any], activity: Mapping[str, Any]) -> CardRef | None:
        of_activity = ref(activity.get("OWNER_TYPE_ID"), activity.get("OWNER_ID"), numbered=True)
        return of_activity or ref(line.get("CRM_ENTITY_TYPE") or "", line.get("CRM_ENTITY_ID"))

    def _last_call_of(self, named: str) -> str | None:
        """The activity of the newest call with this card. The event of a card's change does not name it."""
        kind, _, card_id = named.partition(":")
        where = place(CardRef(kind, card_id))
        if where is None or self._changed_field is None:
            return None
        owner = {"OWNER_TYPE_ID": where[0].number, "OWNER_ID": card_id}
        params = {
            "filter": {"BINDINGS": [owner], "TYPE_ID": _CALL_ACTIVITY},
            "order": {"ID": "DESC"},
            "select": ["ID"],
        }
        found = self._portal.call("crm.activity.list", params)
        first = found[0] if isinstance(found, list) and found else {}
        return str(first["ID"]) if isinstance(first, Mapping) and first.get("ID") else None

    def _is_of_this_call(self, item: Mapping[str, Any], started: datetime, ended: datetime) -> bool:
        """Whether the answers on the card were given in this call."""
        changed = _moment(item.get(self._changed_field)) if self._changed_field else None
        return changed is not None and started - _EARLIER <= changed <= ended + self._within

    # --- an item of a smart process ------------------------------------------------------------------

    def _of_item(self, item_id: str) -> CallResult | None:
        if self._record_type is None:
            return None
        found = read_item(self._portal, CardRef(f"dynamic_{self._record_type}", item_id))
        if found is None or self._is_own(found[0].get("updatedBy")):
            return None
        item, contact = found
        # The time field may be filled in later than the item is made, so an item without one is not ready yet.
        ended = _moment(item.get(self._time_field or "createdTime"))
        if ended is None:
            return None
        card = self._card_of_item(item, contact)
        phone = item.get(self._phone_field) if self._phone_field else None
        return self._result(
            {"id": f"item-{self._record_type}-{item_id}"},
            phone=caller(phone, () if card is None else card.phones),
            operator=item.get("assignedById") or item.get("createdBy"),
            ended=ended,
            facts=_answers(self._of_card, item),
            card=card,
            note=None,
            revision=str(item.get("updatedTime") or ""),
        )

    def _card_of_item(self, item: Mapping[str, Any], contact: Mapping[str, Any]) -> Card | None:
        of_contact = ref(CONTACT.name, item.get("contactId"))
        if of_contact is not None and contact:
            return card_of(self._portal, of_contact, contact, {})
        for kind, number in (("deal", "parentId2"), ("lead", "parentId1"), ("company", "companyId")):
            linked = ref(TYPES[kind].name, item.get(number))
            read = read_item(self._portal, linked) if linked is not None else None
            if linked is not None and read is not None:
                return card_of(self._portal, linked, *read)
        return None

    # --- both ------------------------------------------------------------------------------------------

    def _is_own(self, user: object) -> bool:
        return self._own_user is not None and str(user) == self._own_user

    def _result(
        self,
        call: dict[str, Any],
        *,
        phone: str | None,
        operator: object,
        ended: datetime,
        facts: dict[str, FactValue | None],
        card: Card | None,
        note: object,
        revision: str,
    ) -> CallResult:
        if phone:
            call["phone"] = phone
        if operator:
            call["operator"] = str(operator)
        # Nothing here says that the operator has filled in the last answer.
        result: dict[str, Any] = {"occurred_at": ended.isoformat(), "final": False, "call": call, "facts": facts}
        if card is not None:
            shown = {"type": card.ref.type, "id": card.ref.id, "name": card.name, "url": card.url}
            result["card"] = {key: value for key, value in shown.items() if value}
        if isinstance(note, str) and note.strip():
            result["note"] = note.strip()
        # The same call told again after a change is another event, also where it was changed back.
        content = json.dumps([result, revision], sort_keys=True, ensure_ascii=True)
        return {"id": f"{call['id']}-{hashlib.sha256(content.encode()).hexdigest()[:16]}", **result}


def _answers(mapped: FactFields, record: Mapping[str, Any]) -> dict[str, FactValue | None]:
    """What the record holds. Where it holds any answer, those that are empty are taken back. Raises NotMapped."""
    given = mapped.read(record)
    return {item.fact: given.get(item.fact) for item in mapped.fields} if given else {}


def _times(line: Mapping[str, Any], activity: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """When the call began and ended. An activity's END_TIME may be the planned one, so the statistics go first."""
    started = _moment(line.get("CALL_START_DATE"))
    if started is not None:
        duration = str(line.get("CALL_DURATION") or "0")
        return started, started + timedelta(seconds=int(duration) if duration.isdecimal() else 0)
    started = _moment(activity.get("START_TIME")) or _moment(activity.get("CREATED"))
    ended = _moment(activity.get("END_TIME")) or started
    created = _moment(activity.get("CREATED"))
    if ended is not None and created is not None and ended - created > timedelta(hours=12):
        ended = created
    return started, ended


def _moment(written: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
