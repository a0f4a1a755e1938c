"""Looking for what was written with a key, by the means that each kind of record has.

A comment and a to-do have no field for a key, so the newest ones of the card are read until they are too old to be it.
Sources: https://apidocs.bitrix24.ru/api-reference/crm/timeline/comments/crm-timeline-comment-list.html,
/crm/timeline/activities/activity-base/crm-activity-list.html, /tasks/tasks-task-list.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from connectors.base import CardRef, CrmRefused, CrmUnavailable
from connectors.bitrix24.client import Bitrix24Client
from connectors.bitrix24.types import is_id, place
from connectors.bitrix24.write_commands import TASK
from connectors.kit.reference_mark import carries_mark

_PAGE = 50
_MOST_PAGES = 40


def find_comment(portal: Bitrix24Client, card: CardRef, key: str, since: datetime) -> str | None:
    """The id of the comment with this key's mark in the card. Raises CrmUnavailable, CrmRefused."""
    where = place(card)
    if where is None:
        return None
    kind, card_id = where
    params = {
        "filter": {"ENTITY_ID": card_id, "ENTITY_TYPE": kind.name},
        "order": {"ID": "DESC"},
        "select": ["ID", "CREATED", "COMMENT"],
    }
    records = _newest(portal, "crm.timeline.comment.list", params, (), "CREATED", since)
    return next((str(item["ID"]) for item in records if carries_mark(item.get("COMMENT"), key)), None)


def find_todo(portal: Bitrix24Client, card: CardRef | None, key: str, since: datetime) -> str | None:
    """The same for a to-do, in any card where none is named."""
    owner: dict[str, Any] = {}
    if card is not None:
        where = place(card)
        if where is None:
            return None
        kind, card_id = where
        owner = {"OWNER_TYPE_ID": kind.number, "OWNER_ID": card_id}
    params = {
        "filter": {"PROVIDER_ID": "CRM_TODO", ">=CREATED": since.isoformat(timespec="seconds"), **owner},
        "order": {"ID": "DESC"},
        "select": ["ID", "CREATED", "DESCRIPTION"],
    }
    records = _newest(portal, "crm.activity.list", params, (), "CREATED", since)
    return next((str(item["ID"]) for item in records if carries_mark(item.get("DESCRIPTION"), key)), None)


def find_task(portal: Bitrix24Client, card: CardRef | None, key: str, since: datetime) -> str | None:
    """The remote id of the task whose XML_ID is this key; the field cannot be filtered by."""
    links: dict[str, Any] = {}
    if card is not None:
        where = place(card)
        if where is None:
            return None
        links = {"UF_CRM_TASK": [f"{where[0].task_prefix}_{where[1]}"]}
    params = {
        "filter": {">=CREATED_DATE": since.isoformat(timespec="seconds"), **links},
        "order": {"ID": "desc"},
        "select": ["ID", "CREATED_DATE", "XML_ID", "DESCRIPTION"],
    }
    records = _newest(portal, "tasks.task.list", params, ("tasks",), "createdDate", since)
    found = (item for item in records if item.get("xmlId") == key or carries_mark(item.get("description"), key))
    return next((f"{TASK}{item['id']}" for item in found), None)


def _newest(
    portal: Bitrix24Client, method: str, params: Mapping[str, Any], path: tuple[str, ...], created: str, since: datetime
) -> Iterator[Mapping[str, Any]]:
    """The records from the newest to the oldest that counts. Raises CrmRefused where there are too many to be sure."""
    for page in range(_MOST_PAGES):
        envelope = portal.envelope(method, {**params, "start": page * _PAGE})
        records = envelope["result"]
        for part in path:
            records = records.get(part) if isinstance(records, Mapping) else None
        if not isinstance(records, list):
            raise CrmUnavailable(f"{portal.host} answered {method} with something that is no list")
        items = [item for item in records if isinstance(item, Mapping) and is_id(item.get("ID") or item.get("id"))]
        yield from items
        if len(records) < _PAGE and not envelope.get("next"):
            return
        if items and _is_older(items[-1].get(created), since):
            return
    raise CrmRefused(f"{portal.host} has too many records there to be sure that this one is not among them")


def _is_older(written: object, since: datetime) -> bool:
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError:
        return False
    return moment.tzinfo is not None and moment < since
