"""Housekeeping: unfinished calls are reminded of in time, whatever goes wrong beside it, and a stop ends every loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from structlog.testing import capture_logs

from plugin.authoring.revisions.active import ActiveRules
from plugin.errors import LedgerUnavailable
from plugin.ledger.outage_log import OutageLog
from plugin.service.housekeeping import HousekeepingLoop, UnfinishedCalls
from tests.plugin.events.support import HALF, Office, office_at
from tests.support.processes import wait_until

PATIENCE = 20.0


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_at(tmp_path) as office:
        yield office


def unfinished(office: Office, wake: Callable[[], None] = lambda: None) -> UnfinishedCalls:
    return UnfinishedCalls(office.ledger, office.rules, office.settings, office.clock, wake)


# --- trouble -----------------------------------------------------------------------------------------


def test_a_fault_in_reminding_is_logged_once_and_tried_again_at_every_poll(office: Office) -> None:
    office.taken(HALF)
    office.clock.pass_(minutes=31)
    # Rules that know no scripts.
    rules = cast(ActiveRules, SimpleNamespace(current=lambda: SimpleNamespace(revision="a" * 64)))
    broken = UnfinishedCalls(office.ledger, rules, office.settings, office.clock, lambda: None)
    with capture_logs() as logs:
        assert [broken.step(), broken.step()] == [office.settings.delivery.poll_seconds] * 2
    assert [entry["event"] for entry in logs] == ["unfinished.fault"]


def test_while_the_ledger_is_away_a_loop_waits_and_says_so_once() -> None:
    stop, tries = threading.Event(), list[int]()

    def step(stopped: Callable[[], bool]) -> float:
        tries.append(1)
        if len(tries) == 3:
            stop.set()
        raise LedgerUnavailable("the disk is full", retry_after=0)

    with capture_logs() as logs:
        HousekeepingLoop(step, OutageLog()).run(stop)
    assert len(tries) == 3
    assert [entry["event"] for entry in logs] == ["ledger.unavailable"]


# --- the loops ---------------------------------------------------------------------------------------


def test_a_call_that_never_ended_wakes_the_deliveries_and_the_next_sweep_follows_at_once(office: Office) -> None:
    woken: list[int] = []
    sweep = unfinished(office, lambda: woken.append(len(office.deliveries())))
    office.taken(HALF)
    assert sweep.step() == office.settings.delivery.poll_seconds
    assert woken == []
    office.clock.pass_(minutes=31)
    assert sweep.step() == 0.0
    # Its reminder and its mail were in the ledger by then.
    assert woken == [2]
    assert sweep.step() == office.settings.delivery.poll_seconds


def test_a_stop_ends_a_loop_that_waits() -> None:
    stop, waiting = threading.Event(), threading.Event()

    def step(stopped: Callable[[], bool]) -> float:
        waiting.set()
        return timedelta(hours=1).total_seconds()

    thread = threading.Thread(target=HousekeepingLoop(step, OutageLog()).run, args=(stop,))
    thread.start()
    wait_until(waiting.is_set)
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_step_is_told_of_the_stop() -> None:
    stop, seen = threading.Event(), list[bool]()

    def step(stopped: Callable[[], bool]) -> float:
        seen.append(stopped())
        stop.set()
        seen.append(stopped())
        return 0.0

    HousekeepingLoop(step, OutageLog()).run(stop)
    assert seen == [False, True]
