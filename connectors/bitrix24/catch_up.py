"""Calls, their activities, items of the smart process and cards with answers that changed since a moment.

Each is a list by number, 50 at a time, and all lists are read in one batch: what changes meanwhile has the same number,
so that no page moves. Sources: https://apidocs.bitrix24.ru/api-reference/telephony/voximplant/voximplant-statistic-get.html,
/crm/timeline/activities/activity-base/crm-activity-list.html, /crm/universal/crm-item-list.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.base import CatchUpPage, CrmRefused, CrmUnavailable, Reference
from connectors.bitrix24.client import Bitrix24Client
from connectors.bitrix24.commands import BatchAnswer, Command
from connectors.bitrix24.events import ACTIVITY, CALL, CARD, ITEM
from connectors.bitrix24.types import TYPES, is_id
from connectors.kit.mapping import FactFields

#: A page of a list holds no more.
PAGE = 50
_CALL_ACTIVITY = "2"
_ANSWERED = "200"
#: A call is found by its start, and counts from its end.
_LONGEST_CALL = timedelta(hours=1)
_NO_ACCESS = frozenset({"insufficient_scope", "access_denied"})
#: A type of card without the field that says when answers were given.
_NO_SUCH_FIELD = "invalid_arg_value"
_LINES, _ACTIVITIES, _ITEMS = "lines", "activities", "items"
_CURSOR = re.compile(r"[a-z]+:[0-9]{1,18}(,[a-z]+:[0-9]{1,18})*")

Record = Mapping[str, Any]


class Bitrix24CatchUp:
    """One portal's lists. ``own_user``: whose changes are the plugin's own. Raises CrmUnavailable, CrmRefused."""

    def __init__(self, portal: Bitrix24Client, settings: Mapping[str, Any], own_user: str | None) -> None:
        self._portal = portal
        self._own_user = own_user
        self._facts: FactFields = settings["facts"]
        self._changed_field: str | None = settings["facts_changed_field"]
        self._record_type: int | None = settings["record_type"]

    def page(self, since: datetime, cursor: str | None) -> CatchUpPage:
        """The next 50 of each list that has not come to its end: one request."""
        places = self._places(cursor)
        asked = {name: self._command(name, since, after) for name, after in places.items()}
        answer = self._portal.ask(asked)
        found = {name: self._records(answer, name, command) for name, command in asked.items()}
        further = {name: _number(records[-1]) for name, records in found.items() if len(records) >= PAGE}
        following = ",".join(f"{name}:{number}" for name, number in further.items())
        return CatchUpPage(self._references(found, since), following or None)

    def _places(self, cursor: str | None) -> dict[str, int]:
        """After which number each list that is still to be read goes on."""
        there = [_LINES, _ACTIVITIES]
        there += [_ITEMS] if self._record_type is not None else []
        there += TYPES if self._changed_field is not None else []
        if cursor is None:
            return dict.fromkeys(there, 0)
        places = dict(part.split(":") for part in cursor.split(",")) if _CURSOR.fullmatch(cursor) else {}
        if not places or not set(places) <= set(there):
            raise CrmRefused("the cursor is none of this connector's, or the mapping has changed: begin anew")
        return {name: int(after) for name, after in places.items()}

    def _command(self, name: str, since: datetime, after: int) -> Command:
        if name == _LINES:
            wanted = {">=CALL_START_DATE": _stamp(since - _LONGEST_CALL), ">ID": after, "CALL_FAILED_CODE": _ANSWERED}
            return Command("voximplant.statistic.get", {"FILTER": wanted, "SORT": "ID", "ORDER": "ASC"})
        if name == _ACTIVITIES:
            wanted = {"TYPE_ID": _CALL_ACTIVITY, ">=LAST_UPDATED": _stamp(since), ">ID": after}
            params = {"filter": wanted, "order": {"ID": "ASC"}, "select": ["ID", "EDITOR_ID"]}
            return Command("crm.activity.list", params)
        is_item = name == _ITEMS
        return Command(
            "crm.item.list",
            {
                "entityTypeId": self._record_type if is_item else TYPES[name].number,
                "filter": {f">={'updatedTime' if is_item else self._changed_field}": _stamp(since), ">id": after},
                "order": {"id": "ASC"},
                "select": ["id", "updatedBy"],
                "useOriginalUfNames": "Y",
            },
        )

    def _records(self, answer: BatchAnswer, name: str, command: Command) -> list[Record]:
        refused = self._portal.refusal(answer, name, command.method)
        if refused is not None:
            code = (refused.code or "").lower()
            no_telephony = name == _LINES and code in _NO_ACCESS
            if isinstance(refused, CrmRefused) and (no_telephony or (name in TYPES and code == _NO_SUCH_FIELD)):
                return []
            raise refused
        found = answer.results[name]
        records = found.get("items") if isinstance(found, Mapping) else found
        if not isinstance(records, list) or not all(isinstance(record, Mapping) for record in records):
            raise CrmUnavailable(f"{command.method} was answered with something that is no list")
        return records

    def _references(self, found: Mapping[str, Sequence[Record]], since: datetime) -> list[Reference]:
        calls = [line for line in found.get(_LINES, ()) if _ended(line) >= since and line.get("CALL_ID")]
        named = {str(line.get("CRM_ACTIVITY_ID")) for line in calls}
        references = [_call(line) for line in calls]
        activities = [record for record in found.get(_ACTIVITIES, ()) if not self._is_own(record.get("EDITOR_ID"))]
        references += [Reference(ACTIVITY, str(a["ID"])) for a in activities if str(a["ID"]) not in named]
        references += [Reference(ITEM, number) for number in self._changed(found.get(_ITEMS, ()))]
        for name in TYPES:
            references += [Reference(CARD, f"{name}:{number}") for number in self._changed(found.get(name, ()))]
        return references

    def _changed(self, records: Sequence[Record]) -> list[str]:
        return [str(record["id"]) for record in records if not self._is_own(record.get("updatedBy"))]

    def _is_own(self, user: object) -> bool:
        return self._own_user is not None and str(user) == self._own_user


def _call(line: Record) -> Reference:
    activity = line.get("CRM_ACTIVITY_ID")
    return Reference(CALL, str(line["CALL_ID"]), {"activity": activity} if is_id(activity) else None)


def _ended(line: Record) -> datetime:
    """When the call of a line was over. Raises CrmUnavailable for one that has no time."""
    try:
        began = datetime.fromisoformat(str(line.get("CALL_START_DATE")))
        ended = began + timedelta(seconds=int(line.get("CALL_DURATION") or 0))
    except (ValueError, OverflowError):
        ended = datetime.min
    if ended.tzinfo is None:
        raise CrmUnavailable("a call of the statistics has no time")
    return ended


def _number(record: Record) -> int:
    number = str(record.get("ID", record.get("id")))
    if not is_id(number):
        raise CrmUnavailable("a record of a list has no number")
    return int(number)


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
