"""The suppression list with 1,000,000 numbers: checked by the ten thousand, one by one, and written to a file."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import requests
from sqlalchemy import text

from benchmarks.events import new_home, running
from benchmarks.ledger import kinds
from benchmarks.measure import ROUNDS, Row, percentile, ratio
from plugin.auth.api_tokens import ApiTokens
from plugin.common.clock import utc_now
from plugin.ledger import Ledger
from tests.support.backlog import settle

NUMBERS, CHECKED, ASKED = 1_000_000, 10_000, 2_000
_FILL = {
    "SQLite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) SELECT {} FROM n",
    "PostgreSQL": "SELECT {} FROM generate_series(1, :rows) AS n(i)",
}
#: Every number once, in no order: 7919 and the count have no divisor in common.
_VALUES = "'+7' || (9000000000 + 3 * ((CAST(i AS bigint) * 7919) % :rows)), 'calls', true, {at}, {at}"


def checks() -> list[Row]:
    """Numbers a second by ``POST /suppression/check``, and the time of one number beside that of ``/healthz``."""
    rows = []
    for kind, home, _, token in _services():
        serving = running(home, "-m", "plugin", "--config", str(home), "web", "--port", "0")
        with serving as (web, _), requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {token}"
            rate = _rate(session, web)
            one, alive = _p99s(session, web)
        rows += [
            Row(f"{kind}: numbers a second", f"{rate:,.0f}", ">= 20,000", rate >= 20_000),
            ratio(f"{kind}: p99 of one number ÷ /healthz", one / alive, "<= 3", most=3),
            Row(f"({kind}: p99 of one number, ms)", f"{one * 1000:.1f}"),
        ]
    return rows


def exports() -> list[Row]:
    """Time and memory of ``optout suppression export``, beside the same command on an empty list."""
    rows = []
    for kind, home, url, _ in _services():
        took, most = _export(home, NUMBERS)
        ledger = Ledger(url)
        with ledger.write() as connection:
            connection.exec_driver_sql("DELETE FROM suppressions")
        ledger.close()
        _, least = _export(home, 0)
        rows += [
            Row(f"{kind}: seconds", f"{took:.1f}", "<= 10", took <= 10),
            Row(f"{kind}: memory beside an empty list, MB", f"{most - least:.1f}", "<= 50", most - least <= 50),
        ]
    return rows


def _rate(session: requests.Session, web: str) -> float:
    rng, rates = random.Random(1), []
    for round_ in range(ROUNDS + 1):
        # Every third of these is in the list; half of them as a telephony writes them.
        digits = [9_000_000_000 + rng.randrange(3 * NUMBERS) for _ in range(CHECKED)]
        numbers = [f"+7{number}" if number % 2 else f"8{number}" for number in digits]
        began = time.perf_counter()
        answer = session.post(f"{web}/suppression/check", json={"numbers": numbers}, timeout=60)
        found = answer.json()["results"]
        took = time.perf_counter() - began
        if [bool(one["suppressed"]) for one in found] != [number % 3 == 0 for number in digits]:
            raise SystemExit("the check is wrong")
        if round_:  # the first round warms it up
            rates.append(CHECKED / took)
    return median(rates)


def _p99s(session: requests.Session, web: str) -> tuple[float, float]:
    """Of one number and of ``/healthz``; they take turns, so that a disturbance falls on both alike."""
    times: dict[str, list[float]] = {"number": [], "healthz": []}
    for place in range(ASKED):
        for name, path in (("number", f"/suppression/+7{9_000_000_000 + place * 997}"), ("healthz", "/healthz")):
            began = time.perf_counter()
            session.get(f"{web}{path}", timeout=60).raise_for_status()
            times[name].append(time.perf_counter() - began)
    return percentile(times["number"], 0.99), percentile(times["healthz"], 0.99)


def _export(home: Path, wanted: int) -> tuple[float, float]:
    """Seconds, and the largest resident memory in MB."""
    target = home / "list.txt"
    command = [sys.executable, "-m", "plugin", "--config", str(home), "suppression", "export", str(target)]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    took = time.perf_counter() - began
    process.returncode = status
    with target.open(encoding="ascii") as lines:
        count = sum(1 for _ in lines)
    if status or count != wanted:
        raise SystemExit(f"exported {count} of {wanted}, status {status}")
    return took, used.ru_maxrss / 1000


def _services() -> Iterator[tuple[str, Path, str, str]]:
    """On each database a deployment with the whole list: its kind, folder, ledger's url and a token."""
    for kind, make in kinds():
        url = make()
        with _filled(url) as ledger, new_home() as home:
            settings = (home / "plugin.toml").read_text(encoding="utf-8")
            (home / "plugin.toml").write_text(settings.replace("sqlite:///optout.db", url), encoding="utf-8")
            yield kind, home, url, ApiTokens(ledger, utc_now).add("bench", ["suppression"])


@contextmanager
def _filled(url: str) -> Iterator[Ledger]:
    ledger = Ledger(url)
    ledger.upgrade()
    values = _VALUES.format(
        at="'2026-11-22 07:15:00.000000'" if ledger.kind == "SQLite" else "TIMESTAMP '2026-11-22 07:15'"
    )
    statement = (
        f"INSERT INTO suppressions (number, scope, suppresses, at, changed_at) {_FILL[ledger.kind].format(values)}"
    )
    with ledger.write() as connection:
        connection.execute(text(statement.replace(":15", r"\:15").replace(":00", r"\:00")), {"rows": NUMBERS})
    settle(ledger)
    yield ledger
    ledger.close()
