"""What changed since a moment, read by ``[catch_up]`` page by page: the calls whose events reached nobody."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.base import CatchUpPage, CrmRefused, Reference
from connectors.kit.mapping import FactFields
from connectors.rest import calls
from connectors.rest.client import PagePlace, RestClient
from connectors.rest.conditions import all_hold
from connectors.rest.context import TemplateValues
from connectors.rest.misfit import not_read
from connectors.rest.model import CallTable, Find
from connectors.rest.template import NotRendered

_LONGEST_CURSOR = 1_000


class RestCatchUp:
    """Reads the list, one request a page. Raises CrmUnavailable, CrmRefused."""

    def __init__(
        self, client: RestClient, values: TemplateValues, settings: Mapping[str, Any], now: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._values = values
        self._now = now
        self._find: Find | None = settings["catch_up"]
        self._call: CallTable | None = settings["call"]
        self._facts: FactFields = settings["facts"]

    def page(self, since: datetime, cursor: str | None) -> CatchUpPage:
        """The calls of one page, each as its event would name it."""
        find, call = self._find, self._call
        if find is None or call is None:
            raise CrmRefused("the description does not say how to read what has changed: [catch_up]")
        until, place = self._place(cursor)
        # Whole seconds, so that each page is asked for in the same words.
        context = self._values.of(since=since.astimezone(UTC).replace(microsecond=0), until=until)
        try:
            records, following = self._client.page(find.request, context, find.records, find.pages, place)
            items = [self._reference(find, call, record) for record in records]
        except NotRendered as error:
            raise not_read("what has changed cannot be read", error) from None
        known = {repr(item): item for item in items if item is not None}
        return CatchUpPage(list(known.values()), None if following is None else _cursor(until, following))

    def _reference(self, find: Find, call: CallTable, record: Any) -> Reference | None:
        call_id = find.records.id_of(record)
        if call_id is None:
            raise not_read("what has changed cannot be read", "a record has no id where [catch_up] id says")
        if call.request is not None:
            return Reference(calls.KIND, call_id)
        return calls.brought(call, self._facts, record) if all_hold(call.when, record, self._values.of()) else None

    def _place(self, cursor: str | None) -> tuple[datetime, PagePlace]:
        if cursor is None:
            return self._now().astimezone(UTC).replace(microsecond=0), PagePlace()
        try:
            until, number, following = json.loads(cursor)
            place = PagePlace(_counted(number), None if following is None else _worded(following))
            return datetime.fromtimestamp(_counted(until), UTC), place
        except (ValueError, TypeError, OverflowError, OSError):
            raise CrmRefused("that is no place in what has changed: begin anew") from None


def _cursor(until: datetime, place: PagePlace) -> str:
    written = json.dumps([int(until.timestamp()), place.number, place.following], ensure_ascii=False)
    if len(written) > _LONGEST_CURSOR:
        raise not_read("what has changed cannot be read on", "the CRM's place of the next page is too long")
    return written


def _counted(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("no number")
    return value


def _worded(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("no text")
    return value
