"""Each fault of the embedded CRM, and what the connector makes of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from connectors.base import Assignee, CardRef, CrmUnavailable, Done, NotDone, Unknown
from connectors.embedded import EmbeddedConnector
from tests.support.crm import CrmApi
from tests.support.processes import wait_until


@pytest.mark.parametrize(
    ("kind", "outcome", "written"),
    [
        ("throttle", NotDone, False),
        ("error_before", Unknown, False),
        ("error_after", Unknown, True),
        ("drop_before", Unknown, False),
        ("drop_after", Unknown, True),
    ],
)
def test_a_fault_of_a_write(
    connector: EmbeddedConnector, api: CrmApi, card: CardRef, key: str, kind: str, outcome: type, written: bool
) -> None:
    api.faults({"kind": kind, "next": 1, "seconds": 3})
    assert isinstance(connector.add_comment(card, "т", key), outcome)
    assert (connector.find("comment", card, key) is not None) is written
    assert isinstance(connector.add_comment(card, "т", key), Done)
    assert api.fault_counts() == [1]


def test_a_throttle_tells_how_long_to_wait(connector: EmbeddedConnector, api: CrmApi, card: CardRef, key: str) -> None:
    api.faults({"kind": "throttle", "next": 1, "seconds": 2.2})
    outcome = connector.add_comment(card, "т", key)
    assert isinstance(outcome, NotDone)
    assert (outcome.status, outcome.after, outcome.permanent) == (429, 3.0, False)


def test_a_slow_write_is_unknown_and_done_all_the_same(
    connector: EmbeddedConnector, api: CrmApi, card: CardRef, key: str
) -> None:
    api.faults({"kind": "latency", "next": 1, "seconds": 3.0})
    started = time.monotonic()
    assert isinstance(connector.add_comment(card, "т", key), Unknown)
    assert time.monotonic() - started < 3.0
    assert wait_until(lambda: connector.find("comment", card, key))


def test_a_write_may_be_committed_after_the_connection_was_dropped(
    connector: EmbeddedConnector, api: CrmApi, card: CardRef, key: str
) -> None:
    api.faults({"kind": "commit_after_drop", "next": 1, "seconds": 0.5})
    assert isinstance(connector.add_comment(card, "т", key), Unknown)
    assert connector.find("comment", card, key) is None
    assert wait_until(lambda: connector.find("comment", card, key))
    assert len(api.comments(card.id)) == 1


@pytest.mark.parametrize("kind", ["drop_after", "commit_after_drop", "error_after"])
def test_faults_strike_every_kind_of_write(
    connector: EmbeddedConnector, api: CrmApi, card: CardRef, key: str, kind: str
) -> None:
    from datetime import UTC, datetime

    due, whom = datetime(2026, 11, 23, tzinfo=UTC), Assignee(user="sms")
    reminder = connector.create_reminder(card, whom, "s", "t", due, key)
    assert isinstance(reminder, Done)
    api.faults({"kind": kind, "seconds": 0})
    assert isinstance(connector.create_reminder(card, whom, "s", "t", due, key + "2"), Unknown)
    assert isinstance(connector.notify_email(whom, "s", "t", key), Unknown)
    assert isinstance(connector.withdraw_reminder(reminder.remote_id, "t", key), Unknown)
    assert wait_until(lambda: connector.find("reminder", card, key + "2"))
    assert wait_until(lambda: connector.find("email", None, key))
    assert wait_until(lambda: api.get(f"reminders/{reminder.remote_id}")["state"] == "withdrawn")


def test_reads_are_spared_unless_asked_for(connector: EmbeddedConnector, api: CrmApi, card: CardRef) -> None:
    api.faults({"kind": "drop_before"})
    assert connector.read_card(card)
    for kind in ("drop_before", "error_before", "throttle"):
        api.faults({"kind": kind, "next": 1, "reads": True})
        with pytest.raises(CrmUnavailable):
            connector.read_card(card)
        assert connector.read_card(card)


def test_a_fault_may_concern_one_collection(connector: EmbeddedConnector, api: CrmApi, card: CardRef, key: str) -> None:
    api.faults({"kind": "error_before", "collection": "mails"})
    assert isinstance(connector.add_comment(card, "т", key), Done)
    assert isinstance(connector.notify_email(Assignee(user="sms"), "s", "t", key), Unknown)


def test_faults_come_one_after_the_other_and_latency_besides(
    connector: EmbeddedConnector, api: CrmApi, card: CardRef, key: str
) -> None:
    api.faults(
        {"kind": "latency", "seconds": 0.05},
        {"kind": "throttle", "next": 2, "seconds": 0},
        {"kind": "error_before", "next": 1},
    )
    outcomes = [type(connector.add_comment(card, "т", key)) for _ in range(4)]
    assert outcomes == [NotDone, NotDone, Unknown, Done]
    assert api.fault_counts() == [4, 2, 1]


def test_chance_is_repeatable(connector: EmbeddedConnector, api: CrmApi, card: CardRef, key: str) -> None:
    def run(seed: int) -> list[type]:
        api.faults({"kind": "throttle", "probability": 0.5, "seconds": 0}, seed=seed)
        return [type(connector.add_comment(card, "т", key)) for _ in range(30)]

    first = run(1)
    assert run(1) == first
    assert run(2) != first
    assert {NotDone, Done} == set(first)


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"kind": "fire"},
        {"kind": "latency", "next": 0},
        {"kind": "latency", "probability": 2},
        {"kind": "latency", "x": 1},
    ],
)
def test_a_wrong_plan_is_refused_and_the_old_one_stays(api: CrmApi, fault: dict[str, Any]) -> None:
    api.faults({"kind": "throttle", "collection": "nothing"})
    reply = api.request("PUT", "/faults", {"faults": [fault]})
    assert (reply.status, list(reply.data["error"]["fields"])) == (422, ["faults"])
    assert len(api.fault_counts()) == 1
    api.send("DELETE", "/faults")
    assert api.fault_counts() == []
