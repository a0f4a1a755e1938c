"""Calls that changed since a moment, page by page: what webhooks would have told of during an outage of the plugin."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from connectors.base import CatchUpPage, CrmRefused, Reference
from connectors.espocrm.client import EspoClient, Where, after, all_of, any_of, equals, moment, search, stamp
from connectors.espocrm.events import MISSED
from connectors.espocrm.settings import call_entities, is_record_id

_CHANGED = "modifiedAt"
_PAGE = 100


class _Place(NamedTuple):
    """How far it was read: of this entity all up to this change, and of several at that moment up to this id."""

    entity: str
    changed: str = ""
    record_id: str = ""

    def __str__(self) -> str:
        return "/".join(self)


class EspoCatchUp:
    """The calls of one account in the order of their last change. Each page is one request."""

    def __init__(self, api: EspoClient, settings: Mapping[str, Any]) -> None:
        self._api = api
        self._entities = sorted(call_entities(settings["webhooks"]))

    def page(self, since: datetime, cursor: str | None) -> CatchUpPage:
        """The calls after ``cursor`` (None: the first ones) that were changed since then, whoever did it.

        The plugin changes none; one that was changed under its user all the same is told to the admins when it is read.
        A call that is changed meanwhile moves to the end and comes again there. A change that the CRM commits late
        has an earlier time than others that can be read already: let ``since`` overlap by some minutes. Raises
        CrmUnavailable, CrmRefused.
        """
        place = self._place(cursor)
        where = self._beyond(place, since)
        select = ("id", _CHANGED, "createdAt")
        records = self._api.page(place.entity, search([where], select=select, oldest_change_first=True), most=_PAGE)
        items = tuple(
            Reference(place.entity, str(record["id"]), {MISSED: True} if _is_changed(record) else None)
            for record in records
            if is_record_id(record.get("id"))
        )
        return CatchUpPage(items, self._next(place, records))

    def _place(self, cursor: str | None) -> _Place:
        if cursor is None:
            return _Place(self._entities[0])
        entity, *reached = cursor.split("/")
        if entity in self._entities and reached == ["", ""]:
            return _Place(entity)
        if entity in self._entities and len(reached) == 2 and moment(reached[0]) and is_record_id(reached[1]):
            return _Place(entity, *reached)
        raise CrmRefused("the cursor is none of this connector's, or the webhooks have changed: begin anew")

    @staticmethod
    def _beyond(place: _Place, since: datetime) -> Where:
        if not place.changed:
            # The CRM keeps whole seconds, and the search leaves out the one that it is given.
            return after(_CHANGED, stamp(since - timedelta(seconds=1)))
        same = all_of(equals(_CHANGED, place.changed), after("id", place.record_id))
        return any_of(after(_CHANGED, place.changed), same)

    def _next(self, place: _Place, records: list[dict[str, Any]]) -> str | None:
        if len(records) == _PAGE:
            last = records[-1]
            if moment(last.get(_CHANGED)) is None or not is_record_id(last.get("id")):
                raise CrmRefused("the CRM does not show when a call was changed: let the API user's role read that")
            return str(_Place(place.entity, str(last[_CHANGED]), str(last["id"])))
        others = [entity for entity in self._entities if entity > place.entity]
        return str(_Place(others[0])) if others else None


def _is_changed(record: Mapping[str, Any]) -> bool:
    """Whether a call was changed after it had been made."""
    return record.get("createdAt") not in (None, record.get(_CHANGED))
