"""The account's quota holds for all processes together, costs few queries, and never comes to a halt."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import pytest
from sqlalchemy import Connection

from connectors.base import Limits
from connectors.protocol.limits import AccountShut
from plugin.config.settings import DeliveryPolicy
from plugin.errors import LedgerUnavailable
from plugin.ledger import Ledger
from plugin.resilience.breaker import Breaker
from plugin.resilience.health import Health, Verdict
from plugin.resilience.quota import QuotaTerms, SharedQuota, probing
from tests.support.processes import ROOT

START = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)
LIMITS = Limits(requests_per_second=10, burst=10)


@dataclass
class Time:
    """A machine's clocks, which stand still unless somebody sleeps or a test moves them."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


class CountingLedger(Ledger):
    """Counts transactions, takes ``slow`` seconds for each, and refuses them while ``broken``."""

    writes = 0
    broken = False
    slow = 0.0
    time: Time

    @contextmanager
    def write(self, *, alone: bool = False) -> Iterator[Connection]:
        self.writes += 1
        if self.broken:
            raise LedgerUnavailable("the disk is full")
        with super().write(alone=alone) as connection:
            yield connection
            self.time.seconds += self.slow


@pytest.fixture
def time_() -> Time:
    return Time()


@pytest.fixture
def ledger(ledger_url: str, time_: Time) -> Iterator[CountingLedger]:
    ledger = CountingLedger(ledger_url, clock=time_.now)
    ledger.time = time_
    yield ledger
    ledger.close()


def quota(ledger: Ledger, time_: Time, limits: Limits = LIMITS) -> SharedQuota:
    return SharedQuota(ledger, "crm", limits, time_.now, clock=time_.clock, sleep=time_.sleep)


def most_over(moments: list[float], limits: Limits) -> float:
    """By how much the requests exceed the quota in their worst span; 0 or less: they keep to it.

    The ledger keeps microseconds.
    """
    ordered = sorted(moments)
    rate, burst = limits.requests_per_second, limits.burst
    return max(
        number + 1 - first - rate * (moment - ordered[first] + 1e-6) - burst
        for number, moment in enumerate(ordered)
        for first in range(number + 1)
    )


# --- when something is wrong -------------------------------------------------------------------------


def test_without_the_ledger_there_are_no_turns_and_no_exception_either(ledger: CountingLedger, time_: Time) -> None:
    mine = quota(ledger, time_)
    ledger.broken = True
    assert mine.acquire(10) > 0
    ledger.broken = False
    assert mine.acquire(10) == 0.0


def test_while_the_account_is_blocked_only_a_probe_gets_a_turn(ledger: CountingLedger, time_: Time) -> None:
    mine, breaker = quota(ledger, time_), Breaker(ledger, "crm", DeliveryPolicy(), time_.now)
    breaker.failed(1, Verdict(Health.AWAY, "no connection"))
    assert mine.acquire(10) == 0.0
    time_.seconds += 60
    breaker.failed(2, Verdict(Health.AWAY, "the account is shut", blocked=True))
    for passed, after in ((0, 60.0), (3580, 20.0), (19.5, 1.0)):
        time_.seconds += passed
        with pytest.raises(AccountShut) as shut:
            mine.acquire(10)
        assert shut.value.after == pytest.approx(after, abs=0.01)
    with probing():
        assert mine.acquire(10) == 0.0
    with pytest.raises(AccountShut):
        mine.acquire(10)
    breaker.answered()
    assert mine.acquire(10) == 0.0


def test_after_too_many_requests_no_process_has_a_turn_for_a_while(ledger: CountingLedger, time_: Time) -> None:
    mine, other = quota(ledger, time_), quota(ledger, time_)
    assert other.acquire(10) == 0.0
    mine.hold(4.0)
    time_.seconds += 2
    assert mine.acquire(1) == pytest.approx(2, abs=0.01)
    assert other.acquire(1) == pytest.approx(2, abs=0.01)
    assert other.acquire(10) == 0.0
    assert time_.seconds == pytest.approx(4, abs=0.01)
    ledger.broken = True
    mine.hold(1.0)


def test_a_turn_that_is_too_far_away_is_not_taken(ledger: CountingLedger, time_: Time) -> None:
    limits = Limits(requests_per_second=0.1, burst=1)
    assert quota(ledger, time_, limits).acquire(0) == 0.0
    two = quota(ledger, time_, limits)
    assert [two.acquire(5) for _ in range(3)] == [pytest.approx(10)] * 3
    assert time_.slept == []
    time_.seconds = 6
    assert two.acquire(5) == 0.0
    assert time_.seconds == pytest.approx(10)


def test_a_clock_that_was_set_back_an_hour_does_not_stop_anything(ledger: CountingLedger, time_: Time) -> None:
    mine = quota(ledger, time_)
    while mine.acquire(0) == 0.0:
        pass
    time_.seconds -= 3600
    again = quota(ledger, time_)
    assert [again.acquire(10) for _ in range(20)] == [0.0] * 20
    # At the rate, no faster: the bucket counts as empty.
    assert -3600 + 19 / LIMITS.requests_per_second <= time_.seconds + 0.001 < -3590


def test_a_ledger_slower_than_requests_keep_still_lets_some_pass(ledger: CountingLedger, time_: Time) -> None:
    ledger.slow = 3.0
    mine = quota(ledger, time_)
    assert [mine.acquire(10) for _ in range(5)] == [0.0] * 5


def test_of_several_that_open_the_bucket_at_once_none_fails(ledger_url: str, time_: Time) -> None:
    ledgers = [Ledger(ledger_url) for _ in range(6)]
    results: list[float] = []
    begin = threading.Barrier(6)

    def take(ledger: Ledger) -> None:
        begin.wait(10)
        results.append(SharedQuota(ledger, "crm", LIMITS, lambda: datetime.now(UTC)).acquire(10))

    threads = [threading.Thread(target=take, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [0.0] * 6
    for ledger in ledgers:
        ledger.close()


# --- the quota ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "burst"), [(10, 10), (2, 50), (7, 1)])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.slow
def test_processes_together_never_exceed_the_quota(
    ledger: CountingLedger, time_: Time, rate: int, burst: int, seed: int
) -> None:
    limits = Limits(requests_per_second=rate, burst=burst)
    chance = Random(seed)
    processes = [quota(ledger, time_, limits) for _ in range(3)]
    made = []
    for _ in range(150):
        # Now and then quiet for long enough that anything saved up would come out at once.
        time_.seconds += chance.choice([0.0, 0.01, 0.1, 1.0, 10.0]) / limits.requests_per_second
        if chance.choice(processes).acquire(0) == 0.0:
            made.append(time_.seconds)
    assert most_over(made, limits) <= 0
    assert len(made) > 25


def test_what_was_taken_and_not_used_is_not_saved_for_later(ledger: CountingLedger, time_: Time) -> None:
    hoarder, other = quota(ledger, time_), quota(ledger, time_)
    for _ in range(40):
        hoarder.acquire(10)
    time_.seconds += 3600
    made = []
    for process in (other, hoarder):
        while process.acquire(0) == 0.0:
            made.append(time_.seconds)
    assert len(made) <= LIMITS.burst


def test_many_requests_cost_few_queries(ledger: CountingLedger, time_: Time) -> None:
    limits = Limits(requests_per_second=50, burst=20)
    mine = quota(ledger, time_, limits)
    for _ in range(500):
        assert mine.acquire(10) == 0.0
    assert ledger.writes <= 25
    # And the whole quota is used.
    assert time_.seconds == pytest.approx(10, rel=0.1)


@pytest.mark.slow
def test_a_process_that_needs_few_turns_leaves_the_rest_to_others(ledger: CountingLedger, time_: Time) -> None:
    limits = Limits(requests_per_second=50, burst=20)
    modest, busy = quota(ledger, time_, limits), quota(ledger, time_, limits)
    made, next_modest = 0, 0.0
    while time_.seconds < 20:
        if time_.seconds >= next_modest:
            modest.acquire(0)
            next_modest += 0.5
        made += busy.acquire(0) == 0.0
        time_.seconds += 0.005
    assert made > 0.85 * 20 * limits.requests_per_second


def test_a_full_bucket_may_be_emptied_at_once_but_for_what_is_held_back(ledger: CountingLedger, time_: Time) -> None:
    mine, made = quota(ledger, time_), 0
    while mine.acquire(0) == 0.0:
        made += 1
    terms = QuotaTerms.of(LIMITS)
    assert made == 1 + int(terms.slack / terms.interval)
    assert made >= LIMITS.burst // 2


def test_machines_whose_clocks_are_a_minute_apart_share_the_quota(postgres_url: str) -> None:
    # On PostgreSQL the server's clock counts: these say 60 s more and less.
    ledgers = [Ledger(postgres_url), Ledger(postgres_url)]
    limits = Limits(requests_per_second=0.5, burst=4)
    wrong = [timedelta(minutes=1), timedelta(minutes=-1)]
    processes = [
        SharedQuota(ledger, "crm", limits, lambda by=by: datetime.now(UTC) + by)  # type: ignore[misc]
        for ledger, by in zip(ledgers, wrong, strict=True)
    ]
    made, began = 0, time.monotonic()
    for process in processes * 2:
        while process.acquire(0) == 0.0:
            made += 1
    assert 1 <= made <= limits.burst + limits.requests_per_second * (time.monotonic() - began)
    # And the one that is behind is not told to wait for a minute.
    assert all(process.acquire(0) < 5 for process in processes)
    for ledger in ledgers:
        ledger.close()


# --- real processes and a real server ----------------------------------------------------------------

_CLIENT = """
import sys, threading, time
from connectors.base import CrmUnavailable
from connectors.embedded import EmbeddedConnector
from plugin.common.clock import utc_now
from plugin.resilience.quota import SharedQuota
from plugin.ledger import Ledger

base_url, ledger_url, rate, burst, seconds = sys.argv[1:]
account = {"base_url": base_url, "token": "t", "requests_per_second": float(rate), "burst": int(burst)}
crm = EmbeddedConnector(EmbeddedConnector.Settings().load(account))
crm.share_quota(SharedQuota(Ledger(ledger_url), crm.name, crm.limits(), utc_now))
end = time.monotonic() + float(seconds)

def work():
    while time.monotonic() < end:
        try:
            crm.find_contact(phone="+79161234567")
        except CrmUnavailable as error:
            time.sleep(error.after or 0)

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@contextmanager
def counting_server() -> Iterator[tuple[str, list[float]]]:
    """A CRM without contacts that notes when it is asked."""
    heard: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            heard.append(time.monotonic())
            body = b'{"items": [], "next": null}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.mark.slow
def test_three_processes_keep_to_the_quota_at_a_real_server(ledger_url: str) -> None:
    limits, seconds = Limits(requests_per_second=30, burst=20), 4.0
    with counting_server() as (url, heard):
        arguments = [url, ledger_url, str(limits.requests_per_second), str(limits.burst), str(seconds)]
        command = [sys.executable, "-W", "error", "-c", _CLIENT, *arguments]
        running = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(3)]
        errors = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], errors
    assert most_over(heard, limits) <= 0
    # And they come to most of it: what was taken by one is not lost to the others.
    assert len(heard) >= 0.7 * limits.requests_per_second * seconds
