"""The delivery loop and a CRM that takes batches under a quota, over HTTP: few requests, as fast as it allows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from plugin.config.settings import DeliveryPolicy
from plugin.deciding.ruleset import Role
from plugin.ledger.schema import deliveries
from plugin.resilience.quota import SharedQuota
from tests.connectors.bitrix24.rig import connected, with_client, with_webhook
from tests.connectors.bitrix24.server import Portal
from tests.plugin.delivery.backlog import CALL, fill
from tests.plugin.delivery.fake_crm import Clock
from tests.plugin.delivery.harness import BreakableLedger, House

pytestmark = pytest.mark.slow

PATIENCE = 240.0
#: Faster than the real quota of 2 a second, so that a thousand calls take seconds and not a minute.
RATE, BUCKET = 5.0, 50


class RealClock(Clock):
    """The machine's own."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
def house(ledger_url: str) -> Iterator[House]:
    """On each database, by the machine's own clock."""
    ledger = BreakableLedger(ledger_url)
    house = House(ledger, RealClock(), smtp=None)
    house.roles["coordinator"] = Role("coordinator", "Координатор опросов", "7", None, "crm")
    house.policy = DeliveryPolicy(poll_seconds=0.05)
    yield house
    ledger.close()


@contextmanager
def delivering(house: House, portal: Portal, processes: int = 1) -> Iterator[Callable[[], None]]:
    """So many processes' loops on the portal, sharing its quota; gives what wakes them."""
    stop = threading.Event()
    ledgers = [
        house.ledger,
        *(BreakableLedger(house.ledger._url.render_as_string(False)) for _ in range(processes - 1)),
    ]
    workers, connectors = [], []
    for ledger in ledgers:
        connector = connected(with_webhook(portal, requests_per_second=RATE, burst=BUCKET))
        connector.share_quota(SharedQuota(ledger, connector.name, connector.limits(), house.clock))
        connectors.append(connector)
        workers.append(house.worker(connector, on=ledger))
    threads = [threading.Thread(target=worker.run, args=(stop,)) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        yield lambda: [worker.wake() for worker in workers] and None
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        for connector in connectors:
            connector.close()
        for ledger in ledgers[1:]:
            ledger.close()


def until_done(house: House, count: int) -> None:
    """Asks seldom and little: what is measured shares the machine with it."""
    until = time.monotonic() + PATIENCE
    states = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
    while True:
        with house.ledger.read() as connection:
            found = {state: number for state, number in connection.execute(states)}
        if found == {"done": count}:
            return
        assert time.monotonic() < until, found
        assert "parked" not in found
        time.sleep(0.1)


def test_a_backlog_of_a_thousand_calls_takes_few_requests_and_all_that_the_quota_allows(house: House) -> None:
    processes = 2 if house.ledger.is_shared else 1
    fill(house, 1000)
    portal = Portal(allowed=(RATE, BUCKET))
    with_client(portal)
    with portal.running(), delivering(house, portal, processes):
        started = time.monotonic()
        until_done(house, 1000 * len(CALL))
        took = time.monotonic() - started
    assert portal.throttled == 0
    assert len(portal.requests) <= 0.25 * 1000
    # How near it comes to the quota is measured by `make bench`; a busy machine only must not make it wait for seconds.
    assert len(portal.requests) / (BUCKET + RATE * took) >= 0.3
    assert len(portal.records.comments) == 1000


def test_each_call_that_comes_in_takes_one_request(house: House) -> None:
    portal = Portal(allowed=(RATE, BUCKET))
    with_client(portal)
    with portal.running(), delivering(house, portal, processes=2) as wake:
        for number in range(1, 11):
            decision = house.decision()
            house.planned(decision, [*CALL, "crm_email"])
            wake()
            until_done(house, 4 * number)
    assert len(portal.requests) <= 10
    assert portal.throttled == 0
