"""Calls whose events reached nobody are found in the CRM, each as the event that would have told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest

from connectors.base import CallResult, CrmRefused, Reference
from tests.connectors.contract.rig import Rig
from tests.connectors.contract.test_reading import Turns, heard, resolved

#: More than any connector reads at once.
_MANY = 210


def able(rig: Rig) -> Rig:
    if not rig.connector.catches_up:
        pytest.skip("this account cannot be asked what has changed")
    return rig


def pages(rig: Rig, since: datetime) -> list[Sequence[CallResult | Reference]]:
    found, cursor = [], None
    while True:
        page = rig.connector.catch_up(since, cursor)
        found.append(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return found
        assert len(cursor) <= 1000


def caught_up(rig: Rig, since: datetime) -> dict[str, Mapping[str, Any]]:
    """The call results by their events' ids."""
    return {result["id"]: result for page in pages(rig, since) for result in resolved(rig, page)}


@pytest.mark.parametrize("cursor", ["", "x", "../..", "0" * 1000, "1;2", "null"])
def test_a_cursor_of_another_make_is_refused(rig: Rig, cursor: str) -> None:
    with pytest.raises(CrmRefused):
        able(rig).connector.catch_up(datetime.now(UTC), cursor)


def test_what_changed_before_is_not_read(rig: Rig) -> None:
    able(rig).missed(1)
    assert list(chain(*pages(rig, datetime.now(UTC) + timedelta(hours=2)))) == []


def test_a_call_whose_event_was_lost_is_the_event_that_would_have_told_of_it(rig: Rig) -> None:
    event = able(rig).genuine_event()
    assert event is not None
    (told,) = resolved(rig, heard(rig, event))
    since = datetime.fromisoformat(told["occurred_at"]) - timedelta(minutes=30)
    assert caught_up(rig, since)[told["id"]] == told


def test_many_calls_come_in_pages_none_left_out_and_none_twice(rig: Rig) -> None:
    since = able(rig).missed(_MANY)
    found = pages(rig, since)
    assert len(found) > 1
    named = list(chain(*found))
    once = {repr(item) for item in named}
    assert len(once) == len(named) >= _MANY
    some = [named[0], named[len(named) // 2], named[-1]]
    assert len(resolved(rig, some)) == len(some)
    assert {repr(item) for item in chain(*pages(rig, since))} == once


def test_a_call_that_is_read_twice_is_one_event(rig: Rig) -> None:
    since = able(rig).missed(3)
    found = caught_up(rig, since)
    assert len({result["call"]["id"] for result in found.values()}) == len(found) == 3
    assert caught_up(rig, since) == found


def test_answers_that_were_changed_later_are_another_event_of_the_call(rig: Rig) -> None:
    before = caught_up(rig, able(rig).missed(1))
    (first,) = before.values()
    after = caught_up(rig, rig.answered_otherwise())
    (second,) = [result for result in after.values() if result["id"] not in before]
    assert second["call"]["id"] == first["call"]["id"]
    assert second["facts"] != first["facts"]
    assert datetime.fromisoformat(second["occurred_at"]) >= datetime.fromisoformat(first["occurred_at"])


def test_a_page_takes_no_more_requests_than_its_lease_is_reckoned_by(rig: Rig) -> None:
    since = able(rig).missed(2)
    turns = Turns()
    rig.connector.share_quota(turns)
    rig.connector.catch_up(since, None)
    assert 1 <= turns.taken <= rig.connector.limits().requests_per_event
