"""The console on 1,000,000 calls: every page's time on the server and its size, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.large_console import large_console
from benchmarks.ledger import kinds
from benchmarks.measure import Row, percentile
from tests.plugin.web.console.console_site import ConsoleSite, Person
from tests.plugin.web.console.every_page import addresses

_TIMES = 20
_MOST_SECONDS, _MOST_BYTES = 0.2, 150_000
#: Pages that only tell that there is nothing to see.
_REFUSED = (404, 422)


def pages() -> list[Row]:
    """The slowest and the largest page of each database; every page that misses is named."""
    rows: list[Row] = []
    for kind, make in kinds():
        with tempfile.TemporaryDirectory(prefix="optout-bench-") as folder:
            began = time.perf_counter()
            with large_console(make(), Path(folder)) as (site, found):
                print(f"  ({kind}: filled in {time.perf_counter() - began:.0f} s)", file=sys.stderr)
                rows += _measured(kind, site, found)
    return rows


def _measured(kind: str, site: ConsoleSite, found: Mapping[str, int]) -> Iterator[Row]:
    admin = site.person("admin", "главная")
    times, sizes = {}, {}
    for name, path in (addresses(site, found) | searches(found)).items():
        times[name], sizes[name] = _page(admin, path)
        print(f"    {name:28} {times[name] * 1000:6.0f} ms {sizes[name] / 1000:6.1f} kB", file=sys.stderr)
    slowest, largest = max(times, key=lambda one: times[one]), max(sizes, key=lambda one: sizes[one])
    yield Row(
        f"{kind}: slowest page, p95, ms ({slowest})",
        f"{times[slowest] * 1000:.0f}",
        "<= 200",
        times[slowest] <= _MOST_SECONDS,
    )
    yield Row(
        f"{kind}: largest page, kB ({largest})",
        f"{sizes[largest] / 1000:.0f}",
        "<= 150",
        sizes[largest] <= _MOST_BYTES,
    )


def _page(admin: Person, path: str) -> tuple[float, int]:
    times, size = [], 0
    for _ in range(_TIMES + 1):
        began = time.perf_counter()
        answer = admin.client.get(f"/console{path}")
        times.append(time.perf_counter() - began)
        if answer.status_code not in (200, *_REFUSED):
            raise SystemExit(f"{path}: {answer.status_code}")
        size = len(answer.data)
    # The first one compiles templates and statements.
    return percentile(times[1:], 0.95), size


def searches(found: Mapping[str, int]) -> dict[str, str]:
    """What people search for, besides."""
    return {
        "calls": "/calls",
        "calls, later pages": f"/calls?after={500_000 * 1_000 + found['none']}",
        "calls of a number": "/calls?phone=%2B79100050000",
        "calls, part of a number": "/calls?phone=50-00-7",
        "calls of a name": "/calls?name=орлова+анна+777",
        "calls of no name": "/calls?name=никто",
        "calls of an operator": "/calls?operator=operator-7",
        "calls of an outcome": "/calls?outcome=exclude_all&since=2026-01-01",
        "calls, rare outcome": "/calls?outcome=exclude_online",
        "calls, stopped": "/calls?state=parked",
        "calls, done": "/calls?state=done",
        "calls of a card": "/calls?card=70000",
        "calls again, one": "/calls/replay?phone=%2B79100050000&rules=today",
        "promises, kept": "/promises?state=kept",
        "deliveries, all": "/deliveries?all=1",
        "deliveries, stopped": "/deliveries?state=parked",
        "deliveries, done": "/deliveries?state=done",
        "deliveries, late": "/deliveries?undone=1&late=1",
        "deliveries of a call": f"/deliveries?call={found['done']}",
        "report of promises": "/promises/report?month=2026-11",
    }
