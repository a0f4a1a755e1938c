"""The ledger when it is large: claims and start with 1,000,000 deliveries, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.events import new_home, running
from benchmarks.measure import ROUNDS, Row, ratio
from plugin.common.clock import utc_now
from plugin.delivery.queue import Queue
from plugin.ledger import Ledger
from tests.support.backlog import fill
from tests.support.postgres import NoPostgres, databases

SMALL, LARGE = 10_000, 1_000_000
#: Deliveries that wait where most have ended; a claim's size, and the claims of one round.
WAITING, BATCH, CLAIMS = 5_000, 20, 20
#: Makes the url of another empty ledger.
Make = Callable[[], str]


def claims() -> list[Row]:
    """What a claim costs at 1,000,000 rows beside 10,000: where few wait, and where all of them do."""
    rows = []
    for kind, make in kinds():
        for name, ended in (("few wait", -WAITING), ("all wait", None)):
            ledgers = {count: _filled(make(), count, ended) for count in (SMALL, LARGE)}
            times = _claim_times(ledgers)
            rows.append(ratio(f"{kind}, {name}", times[LARGE] / times[SMALL], "<= 1.5", most=1.5))
            rows.append(Row(f"({kind}, {name}: ms for {BATCH} at {LARGE:,})", f"{times[LARGE] * 1000:.1f}"))
            for ledger in ledgers.values():
                ledger.close()
    return rows


def start() -> list[Row]:
    """From the start of ``optout serve`` to being ready, on a ledger of 1,000,000 deliveries of this version."""
    rows = []
    for kind, make in kinds():
        url = make()
        _filled(url, LARGE, None).close()
        with new_home() as home:
            settings = (home / "plugin.toml").read_text(encoding="utf-8")
            (home / "plugin.toml").write_text(settings.replace("sqlite:///optout.db", url), encoding="utf-8")
            times = []
            for _ in range(ROUNDS + 1):
                began = time.perf_counter()
                with running(home, "-m", "plugin", "--config", str(home), "serve", "--port", "0"):
                    times.append(time.perf_counter() - began)
        # The first one activates the rules, once for ever.
        taken = median(times[1:])
        rows.append(Row(f"{kind}: seconds from start to ready", f"{taken:.2f}", "<= 3", taken <= 3))
    return rows


def _claim_times(ledgers: dict[int, Ledger]) -> dict[int, float]:
    """The median seconds of a claim on each ledger; they take turns, so that a disturbance falls on all of them."""
    queues = {count: Queue(ledger, utc_now, "bench", 3600.0) for count, ledger in ledgers.items()}
    times: dict[int, list[float]] = {count: [] for count in queues}
    for round_, (count, queue) in itertools.product(range(ROUNDS + 1), queues.items()):
        for _ in range(CLAIMS):
            began = time.perf_counter()
            claimed = queue.claim(BATCH)
            taken = time.perf_counter() - began
            if len(claimed) != BATCH:
                raise RuntimeError(f"claimed {len(claimed)} of {BATCH}")
            if round_:  # the first round warms both up
                times[count].append(taken)
    return {count: median(values) for count, values in times.items()}


def _filled(url: str, count: int, ended: int | None) -> Ledger:
    """``ended`` of them are done, counted from the end where negative, None: none of them."""
    ledger = Ledger(url)
    ledger.upgrade()
    fill(ledger, count, utc_now(), open_from=0 if ended is None else count + ended)
    return ledger


# --- the databases ---------------------------------------------------------------------------------


def kinds() -> Iterator[tuple[str, Make]]:
    """Each database, and what makes an empty ledger on it; PostgreSQL only where it can be had."""
    with _sqlite() as make:
        yield "SQLite", make
    try:
        with _postgresql() as make:
            yield "PostgreSQL", make
    except NoPostgres as error:
        print(f"\n  PostgreSQL is left out: {error}")


@contextmanager
def _sqlite() -> Iterator[Make]:
    with tempfile.TemporaryDirectory(prefix="optout-bench-") as folder:
        numbers = itertools.count()
        yield lambda: f"sqlite:///{Path(folder) / f'{next(numbers)}.db'}"


@contextmanager
def _postgresql() -> Iterator[Make]:
    with databases() as server, ExitStack() as stack:
        yield lambda: stack.enter_context(server.database())
