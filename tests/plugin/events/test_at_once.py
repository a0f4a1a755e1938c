"""Events that come at the same time share a transaction on SQLite, and none of them suffers for another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from plugin.config.settings import Source
from plugin.events.intake import DecisionChanged
from tests.plugin.events.support import ALL, CALLS, Office, call_result, office_at

PAGE = Source("page", (), "page")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_at(tmp_path) as office:
        yield office


@contextmanager
def commits() -> Iterator[list[int]]:
    """What writers commit meanwhile."""
    seen: list[int] = []

    def note(connection: Connection) -> None:
        if connection.get_execution_options().get("optout_write"):
            seen.append(1)

    event.listen(Engine, "commit", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "commit", note)


def all_at_once(office: Office, *sendings: Callable[[], Any]) -> list[Any]:
    """What becomes of these, all of which wait before any can write; a fault is returned."""

    def sent(sending: Callable[[], Any]) -> Any:
        try:
            return sending()
        except DecisionChanged as fault:
            return fault

    moment = threading.Event()
    with ThreadPoolExecutor(len(sendings)) as pool:
        with office.ledger.write():
            sent_ones = [pool.submit(sent, sending) for sending in sendings]
            # One of them has the turn and waits for the ledger, the others wait for the turn.
            while len(office.intake._writes._waiting) < len(sendings) - 1:
                moment.wait(0.001)
        return [one.result() for one in sent_ones]


def sending(office: Office, call: str, facts: dict[str, Any] | None = None) -> Callable[[], Any]:
    return lambda: office.send(call_result(facts or CALLS, call={"id": call}))


def test_an_end_that_is_not_what_was_confirmed_keeps_no_other_event_out(office: Office) -> None:
    confirmed = call_result(ALL, call={"id": "page"}, final=True)
    declined = all_at_once(
        office,
        sending(office, "first"),
        sending(office, "second"),
        lambda: office.intake.receive_own(PAGE, confirmed, lambda _decision: False),
        sending(office, "third"),
    )
    assert [getattr(answer, "status", "declined") for answer in declined] == [202, 202, "declined", 202]
    assert {row["call_id"] for row in office.calls()} == {"first", "second", "third"}


def test_events_of_different_calls_share_a_commit(office: Office) -> None:
    with commits() as seen:
        answers = all_at_once(office, *(sending(office, f"c-{number}") for number in range(8)))
    assert [answer.status for answer in answers] == [202] * 8
    assert len({row["call_id"] for row in office.calls()}) == 8
    # That of the test, of the first event and of the seven others.
    assert len(seen) == 3


def test_events_of_one_call_never_share_a_commit(office: Office) -> None:
    with commits() as seen:
        answers = all_at_once(office, *(sending(office, "c-1", facts) for facts in (CALLS, ALL, CALLS)))
    assert {answer.status for answer in answers} == {202}
    assert len(seen) == 4
