"""What the portal's lists tell of an outage: calls, activities, items and cards, and nothing of the plugin's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.base import CrmRefused, CrmUnavailable, Reference
from connectors.bitrix24 import Bitrix24Connector
from tests.connectors.bitrix24 import server
from tests.connectors.bitrix24.rig import CALL_STARTED, CHANGED, FACTS, connected, with_call, with_client, with_webhook
from tests.connectors.bitrix24.server import Portal

STARTED = datetime.fromisoformat(CALL_STARTED)
CALL = "externalCall.7b0c7de811455ef32b18dc5917e4306a.1773239327"
BY_CALL, BY_CARD = Reference("call", CALL, {"activity": "7953"}), Reference("card", "contact:42")


@contextmanager
def reading(portal: Portal, **settings: Any) -> Iterator[Bitrix24Connector]:
    connector = connected(with_webhook(portal, facts=FACTS, facts_changed_field=CHANGED, **settings))
    yield connector
    connector.close()


@pytest.fixture
def reader(portal: Portal) -> Iterator[Bitrix24Connector]:
    with_client(portal)
    with_call(portal)
    with reading(portal) as connector:
        yield connector


def found(connector: Bitrix24Connector, since: datetime = STARTED) -> list[Any]:
    page = connector.catch_up(since, None)
    assert page.next_cursor is None
    return list(page.items)


@pytest.mark.parametrize("method", ["crm.activity.list", "crm.item.list", "voximplant.statistic.get"])
def test_a_list_that_is_refused_just_now_leaves_nothing_out(
    reader: Bitrix24Connector, portal: Portal, method: str
) -> None:
    portal.failing[method] = [{"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}]
    with pytest.raises(CrmUnavailable):
        reader.catch_up(STARTED, None)


def test_a_right_that_lacks_is_told(reader: Bitrix24Connector, portal: Portal) -> None:
    portal.failing["crm.activity.list"] = [{"error": "ACCESS_DENIED", "error_description": "Access denied"}]
    with pytest.raises(CrmRefused, match=r"crm\.activity\.list"):
        reader.catch_up(STARTED, None)


def test_without_the_statistics_the_activities_tell_of_calls(reader: Bitrix24Connector, portal: Portal) -> None:
    refused = {"error": "insufficient_scope", "error_description": "The request requires higher privileges"}
    portal.failing["voximplant.statistic.get"] = [refused]
    assert found(reader) == [Reference("activity", "7953"), BY_CARD]


def test_all_lists_are_read_in_one_request(reader: Bitrix24Connector, portal: Portal) -> None:
    assert found(reader) == [BY_CALL, BY_CARD]
    assert len(portal.requests) == 1


def test_what_was_over_before_does_not_come(reader: Bitrix24Connector) -> None:
    assert found(reader, STARTED + timedelta(minutes=5)) == [BY_CALL]
    assert found(reader, STARTED + timedelta(minutes=6)) == []


def test_a_call_that_nobody_answered_does_not_come(reader: Bitrix24Connector, portal: Portal) -> None:
    portal.records.lines[0]["CALL_FAILED_CODE"] = "304"
    assert BY_CALL not in found(reader)


def test_the_plugins_own_changes_do_not_come(portal: Portal) -> None:
    with_client(portal)
    with_call(portal, CALL_FAILED_CODE="304")
    portal.records.activities["7953"]["EDITOR_ID"] = server.USER
    portal.records.items[3]["42"]["updatedBy"] = server.USER
    with reading(portal) as connector:
        assert found(connector) == []


def test_items_of_the_smart_process_come(portal: Portal) -> None:
    with_client(portal)
    portal.records.add_item(1220, "9", updatedTime="2026-11-22T10:20:00+03:00")
    portal.records.add_item(1220, "8", updatedTime="2026-11-20T10:20:00+03:00")
    with reading(portal, record_type=1220, record_phone_field="UF_CRM_PHONE") as connector:
        assert found(connector) == [Reference("item", "9")]


def test_a_list_goes_on_where_it_stopped_and_the_ended_ones_are_not_asked_again(portal: Portal) -> None:
    with_client(portal)
    for number in range(60):
        with_call(portal, activity=str(8000 + number), CALL_ID=f"call-{number}")
    with reading(portal) as connector:
        first = connector.catch_up(STARTED, None)
        assert first.next_cursor == "lines:8049,activities:8049"
        portal.records.lines[3]["COMMENT"] = "changed meanwhile"
        second = connector.catch_up(STARTED, first.next_cursor)
    assert second.next_cursor is None
    calls = [item.id for item in (*first.items, *second.items) if isinstance(item, Reference) and item.kind == "call"]
    assert calls == [f"call-{number}" for number in range(60)]
    assert len(portal.requests[-1].data["cmd"]) == 2
