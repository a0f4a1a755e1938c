"""Draining a backlog to a CRM that takes 50 ms for each write, over real HTTP, from a real ledger on the disk.

Beside it the bare minimum in the same run: as many threads with ``requests`` that write the same to the same CRM and
keep nothing. What that misses of threads ÷ latency is the machine's; what is missing beyond it is the plugin's. So it
is with the processor's time for one delivery.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import mean
from typing import NamedTuple

import requests
import structlog
from sqlalchemy import func, insert, select, text

from benchmarks.measure import Row, ratio, resident_mb
from connectors.embedded.connector import EmbeddedConnector
from connectors.embedded.settings import EmbeddedSettings
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from plugin.common.log import set_up_logging
from plugin.config.load import load_settings, shipped_dir
from plugin.config.settings import Settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.delivery import Worker
from plugin.delivery.fair_order import OPEN_LITERALS
from plugin.ledger import Ledger
from plugin.ledger.schema import calls, decisions, deliveries
from plugin.resilience.quota import SharedQuota

LATENCY = 0.05
BACKLOG = 10_000
#: Threads, and the least share of the rate of bare requests with as many.
WANTED = {4: 0.95, 16: 0.9}
#: The most time of the processor for a delivery, beside a bare request's.
MOST_CPU = 2.0
MANY = 100_000
#: Deliveries of each call, and how many calls are written in one transaction.
_EACH, _AT_ONCE = 5, 500
_TEXT = "Клиент просит исключить номер из опросов.\n[ref:0123456789abcdef]"


def rates() -> list[Row]:
    """The rate of draining and its time of the processor, beside those of bare requests."""
    rows = []
    for threads, least in WANTED.items():
        with slow_crm(LATENCY) as url:
            bare = [_bare(url, threads)]
            drained = _drained(url, threads, BACKLOG)
            # Once before and once after: the machine may have had other things to do.
            bare.append(_bare(url, threads))
        rate, cpu = mean(one.rate for one in bare), mean(one.cpu for one in bare)
        of_most = f"{rate * LATENCY / threads:.2f} of threads ÷ latency"
        rows.append(
            ratio(f"{threads} threads: rate ÷ bare requests' rate", drained.rate / rate, f">= {least}", least=least)
        )
        rows.append(
            ratio(
                f"{threads} threads: CPU a delivery ÷ CPU a bare request",
                drained.cpu / cpu,
                f"<= {MOST_CPU:g}",
                most=MOST_CPU,
            )
        )
        rows.append(
            Row(f"({threads} threads: deliveries, bare requests per second)", f"{drained.rate:,.0f}, {rate:,.0f}")
        )
        rows.append(Row(f"({threads} threads: bare requests)", of_most))
        rows.append(Row(f"({threads} threads: CPU a delivery, a bare request, ms)", f"{drained.cpu:.2f}, {cpu:.2f}"))
    return rows


def memory() -> list[Row]:
    """Growth of the process from a tenth of the deliveries on, to a CRM that answers at once."""
    with slow_crm(0.0) as url:
        command = [sys.executable, "-m", "benchmarks.draining", url, str(MANY)]
        printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    growth, rate = (float(word) for word in printed.split())
    return [
        Row(f"growth over {MANY:,} deliveries, MB", f"{growth:.1f}", "<= 10", growth <= 10),
        Row("(deliveries per second)", f"{rate:,.0f}"),
    ]


class Pace(NamedTuple):
    """How many a second, and the processor's milliseconds for one."""

    rate: float
    cpu: float


def _bare(url: str, threads: int) -> Pace:
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=threads))
    body = {"text": _TEXT, "external_key": "0" * 64}

    def write(number: int) -> None:
        session.post(f"{url}/api/cards/{number}/comments", json=body, timeout=20).json()

    count = int(threads / LATENCY * 5)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(write, range(threads)))
        started, cpu = time.perf_counter(), time.process_time()
        list(pool.map(write, range(count)))
        return Pace(count / (time.perf_counter() - started), (time.process_time() - cpu) * 1000 / count)


def _drained(url: str, threads: int, count: int) -> Pace:
    """From the first claim until the last delivery is done."""
    with _worker(url, threads, count) as (worker, ledger):
        stop = threading.Event()
        thread = threading.Thread(target=worker.run, args=(stop,))
        started, cpu = time.perf_counter(), time.process_time()
        thread.start()
        while _is_any_left(ledger):
            time.sleep(0.1)
        took, spent = time.perf_counter() - started, time.process_time() - cpu
        stop.set()
        thread.join()
    return Pace(count / took, spent * 1000 / count)


def _grown(url: str, count: int) -> tuple[float, float]:
    """MB by which this process grows over the last nine tenths, and deliveries per second."""
    with _worker(url, 16, count) as (worker, ledger):
        stop = threading.Event()
        thread = threading.Thread(target=worker.run, args=(stop,))
        started, before = time.perf_counter(), 0.0
        thread.start()
        while left := _left(ledger):
            if not before and left <= 0.9 * count:
                before = resident_mb()
            time.sleep(0.1)
        growth, took = resident_mb() - before, time.perf_counter() - started
        stop.set()
        thread.join()
    return growth, count / took


@contextmanager
def _worker(url: str, threads: int, count: int) -> Iterator[tuple[Worker, Ledger]]:
    """A delivery process as ``optout deliver`` makes it, on a ledger with so many comments to deliver."""
    # The log's lines are made as in earnest, and go nowhere: the table is what is to be read.
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        tempfile.TemporaryDirectory(prefix="optout-bench-", dir=os.environ.get("BENCH_DIR")) as folder,
    ):
        set_up_logging(json_lines=True, stream=nowhere)
        settings = _settings(Path(folder), threads)
        ledger = Ledger(settings.ledger_url)
        ledger.upgrade()
        rules = ActiveRules(ledger, utc_now)
        rules.activate_first(Rulebook.load(settings.rules_dir), "benchmark", "start")
        _fill(ledger, rules.current().revision, count)
        account = {"base_url": url, "token": "t", "requests_per_second": 1000.0, "burst": 1000}
        connector = EmbeddedConnector(EmbeddedSettings().load(account | {"connections": threads}))
        connector.share_quota(SharedQuota(ledger, connector.name, connector.limits(), utc_now))
        try:
            yield Worker(ledger, rules, connector, None, settings, utc_now, f"bench:{os.getpid()}", Random(1)), ledger
        finally:
            connector.close()
            rules.close()
            ledger.close()
            structlog.reset_defaults()


def _settings(home: Path, threads: int) -> Settings:
    shipped = (shipped_dir() / "plugin.toml").read_text(encoding="utf-8")
    (home / "plugin.toml").write_text(shipped.replace("threads = 4 ", f"threads = {threads} ", 1), encoding="utf-8")
    (home / "rules").symlink_to(shipped_dir() / "rules")
    settings = load_settings(home, {"OPTOUT_CRM_TOKEN": "t", "OPTOUT_WEBHOOK_SECRET": "s" * 32})
    assert settings.delivery.threads == threads
    return settings


def _fill(ledger: Ledger, revision: str, count: int) -> None:
    """Calls of the last hours, each with one decision and a few comments."""
    now = utc_now()
    for start in range(0, count // _EACH, _AT_ONCE):
        numbers = range(start + 1, min(start + _AT_ONCE, count // _EACH) + 1)
        with ledger.write() as connection:
            connection.execute(insert(calls), [_call(number, now) for number in numbers])
            connection.execute(insert(decisions), [_decision(number, revision, now) for number in numbers])
            rows = [_delivery(number, place, now) for number in numbers for place in range(_EACH)]
            connection.execute(insert(deliveries), rows)


def _call(number: int, now: object) -> dict[str, object]:
    ended = utc_now() - timedelta(seconds=number)
    call = {"id": number, "namespace": "b", "call_id": f"c-{number}", "generation": 1, "script": "s", "late": False}
    call |= {"card_type": "contact", "card_id": str(number), "deadline_at": ended + timedelta(hours=24)}
    return call | {"first_occurred_at": ended, "last_occurred_at": ended, "decision_number": 1}


def _decision(number: int, revision: str, now: object) -> dict[str, object]:
    row = {"id": number, "call_ref": number, "number": 1, "outcome": "o", "revision": revision, "facts": {}}
    return row | {"decision": {}, "created_at": now}


def _delivery(call: int, place: int, now: object) -> dict[str, object]:
    deadline = utc_now() + timedelta(hours=24, seconds=-call)
    row = {"call_ref": call, "decision_ref": call, "key": f"{call * _EACH + place:064x}", "action": str(place)}
    row |= {"kind": "comment", "text": _TEXT, "deadline_at": deadline, "state": "pending", "not_before": now}
    return row | {"cancel": False, "attempts": 0, "created_at": now}


@contextmanager
def slow_crm(latency: float) -> Iterator[str]:
    """A CRM that takes so many seconds to answer; its address."""
    command = [sys.executable, "-m", "benchmarks.slow_crm", str(latency)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("listening on ").strip()
    finally:
        process.terminate()
        process.wait(20)


def _is_any_left(ledger: Ledger) -> bool:
    """By the index of what is open, so that looking takes next to nothing of the time that is measured."""
    query = select(deliveries.c.id).where(deliveries.c.state.in_(OPEN_LITERALS)).limit(1)
    with ledger.read() as connection:
        return connection.execute(query).first() is not None


def _left(ledger: Ledger) -> int:
    query = select(func.count()).select_from(deliveries).where(deliveries.c.state != text("'done'"))
    with ledger.read() as connection:
        return int(connection.execute(query).scalar_one())


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    grown = _grown(sys.argv[1], int(sys.argv[2]))
    print(*grown)
