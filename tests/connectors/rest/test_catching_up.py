"""What changed while events reached nobody, page by page, by the described list; the contract suite asks the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from connectors.base import CatchUpPage, CrmRefused, CrmUnavailable, Reference
from connectors.rest import RestConnector
from tests.connectors.rest.rig import SECRETS, call_record, rig, settings
from tests.connectors.rest.test_shapes import crm
from tests.support.fake_api import ApiAnswer, ApiRequest

SINCE = datetime(2026, 11, 22, 10, 15, 30, 500_000, tzinfo=timezone(timedelta(hours=3)))
EVENTS: dict[str, Any] = {
    "event_secret": SECRETS["event_secret"],
    "event": {"proof": {"kind": "token", "place": "path"}},
    "call": {"path": "calls/{{ id }}", "id": "id", "occurred_at": "ended"},
}
LIST = {"path": "calls", "query": {"since": "{{ since | utc }}", "until": "{{ until | utc }}"}, "items": "data"}


def all_pages(connector: RestConnector) -> list[CatchUpPage]:
    found = [connector.catch_up(SINCE, None)]
    while (cursor := found[-1].next_cursor) is not None:
        found.append(connector.catch_up(SINCE, cursor))
    return found


@pytest.mark.parametrize(
    ("pages", "asked"),
    [
        ({"by": "number", "parameter": "page", "size": 2}, ["page=1", "page=2", "page=3"]),
        ({"by": "offset", "parameter": "skip", "size": 2}, ["skip=0", "skip=2", "skip=4"]),
        ({"by": "cursor", "parameter": "after", "next": "next"}, ["", "after=2", "after=4"]),
        ({"by": "link", "next": "link"}, ["", "after=2", "after=4"]),
    ],
)
def test_pages_go_on_from_their_cursor_within_the_moment_when_the_first_was_asked_for(
    pages: dict[str, Any], asked: list[str]
) -> None:
    seen: list[dict[str, str]] = []

    def answer(request: ApiRequest) -> ApiAnswer:
        seen.append(dict(request.query))
        start = int(request.query.get("after") or request.query.get("skip") or 0)
        if "page" in request.query:
            start = 2 * (int(request.query["page"]) - 1)
        following = start + 2 if start < 4 else None
        query = "&".join(f"{name}={request.query[name]}" for name in ("since", "until"))
        link = f"/api/calls?{query}&after={following}" if following else None
        found = [{"id": number} for number in range(start, min(start + 2, 5))]
        return ApiAnswer(200, {"data": found, "next": following, "link": link})

    with crm(answer, **EVENTS, catch_up=LIST | {"pages": pages}) as (connector, _):
        assert connector.catches_up
        found = all_pages(connector)
    assert [one.id for page in found for one in page.items if isinstance(one, Reference)] == list("01234")
    assert {one["since"] for one in seen} == {"2026-11-22T07:15:30Z"}
    assert len({one["until"] for one in seen}) == 1
    wanted = [dict([one.split("=")]) if one else {} for one in asked]
    assert [{key: one[key] for key in one if key not in ("since", "until")} for one in seen] == wanted


def test_records_that_are_read_whole_count_as_the_events_do() -> None:
    with rig("call.path call.record event.id", call={"card_name": "number"}) as polka:
        polka.api.calls = {"a": call_record(id="a"), "b": call_record(id="b", answers=None)}
        page = polka.connector.catch_up(datetime(2026, 11, 22, tzinfo=UTC), None)
        (found,) = page.items
        assert isinstance(found, Reference)
        assert found.data is not None
        assert "secret_notes" not in found.data["record"]
        result = polka.connector.resolve(found)
        assert isinstance(result, dict)
        assert result["call"]["id"] == "a"


def test_a_record_without_an_id_is_a_fault_of_the_description_and_waits() -> None:
    with (
        crm(lambda _: ApiAnswer(200, {"data": [{"nr": 5}]}), **EVENTS, catch_up=LIST) as (connector, _),
        pytest.raises(CrmUnavailable, match=r"\[catch_up\] id"),
    ):
        connector.catch_up(SINCE, None)


def test_a_place_that_does_not_fit_into_a_cursor_is_told() -> None:
    pages = {"by": "cursor", "parameter": "after", "next": "next"}
    answer = ApiAnswer(200, {"data": [], "next": "x" * 1000})
    with (
        crm(lambda _: answer, **EVENTS, catch_up=LIST | {"pages": pages}) as (connector, _),
        pytest.raises(CrmUnavailable, match="too long"),
    ):
        connector.catch_up(SINCE, None)


def test_without_the_table_the_crm_cannot_be_asked() -> None:
    connector = RestConnector(settings("http://127.0.0.1:1", "catch_up"))
    assert not connector.catches_up
    with pytest.raises(CrmRefused, match="catch_up"):
        connector.catch_up(SINCE, None)
