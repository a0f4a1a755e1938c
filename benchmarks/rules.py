"""What admins wait for: past calls decided again, the table of conversations, their picture."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import insert

from benchmarks.measure import ROUNDS, Row, resident_mb
from benchmarks.peers import random_facts
from plugin.authoring.inspection import table_html
from plugin.authoring.inspection.drawing.svg import draw
from plugin.authoring.inspection.listing import listings
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from plugin.common.log import set_up_logging
from plugin.config.load import shipped_dir
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.ledger import Ledger
from plugin.ledger.schema import calls, decisions, events
from plugin.operations.backtest import backtest

CALLS = 100_000
SCRIPT = "survey_opt_out"
_START = datetime(2026, 9, 1, tzinfo=UTC)


def past_calls() -> list[Row]:
    """100,000 past calls decided again by rules with another text and another outcome; the ledger is made before."""
    set_up_logging(level=logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="optout-bench-", dir=os.environ.get("BENCH_DIR")) as folder:
        ledger = Ledger(f"sqlite:///{Path(folder) / 'ledger.db'}")
        ledger.upgrade()
        old = Rulebook.load(shipped_dir() / "rules")
        _fill(ledger, old)
        candidate = _edited(old)
        before = resident_mb()
        started = time.perf_counter()
        with ledger.read() as connection:
            result = backtest(connection, candidate)
        took = time.perf_counter() - started
        growth = resident_mb() - before
        ledger.close()
    if result.calls != CALLS or not 0 < result.different < CALLS or result.refused:
        raise SystemExit(f"the backtest is wrong: {result.calls} calls, {result.different} different")
    return [
        Row("100,000 past calls decided again, s", f"{took:.1f}", "<= 60", took <= 60),
        Row("memory for it, MB", f"{growth:.0f}"),
    ]


def views() -> list[Row]:
    """The shipped script as a web page and as a picture."""
    book = Rulebook.load(shipped_dir() / "rules")
    table = _seconds(lambda: table_html.page(listings(book, [SCRIPT])))
    picture = _seconds(lambda: draw(book, SCRIPT))
    return [
        Row("table of conversations, ms", f"{table * 1000:.0f}", "<= 1000", table <= 1),
        Row("picture of the conversation tree, ms", f"{picture * 1000:.0f}", "<= 1000", picture <= 1),
    ]


def _seconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return median(times)


def _edited(book: Rulebook) -> Rulebook:
    """The rules with another outcome for one answer and another comment for one outcome."""
    content = {name: dict(file) for name, file in book.content.items() if not name.endswith("cases.toml")}
    rules = [dict(rule) for rule in content[f"{SCRIPT}/rules.toml"]["rule"]]
    last = next(rule for rule in reversed(rules) if rule.get("outcome"))
    outcomes = dict(content[f"{SCRIPT}/outcomes.toml"]["outcome"])
    last["outcome"] = next(name for name in outcomes if name != last["outcome"])
    content[f"{SCRIPT}/rules.toml"]["rule"] = rules
    return Rulebook.from_content(content)


def _fill(ledger: Ledger, book: Rulebook) -> None:
    """One event and one decision a call, every client with a name of their own."""
    rules = ActiveRules(ledger, utc_now)
    rules.activate_first(book, "bench", "first start")
    with ledger.write() as connection:
        rows_left = _rows(book)
        while rows := list(islice(rows_left, 5_000)):
            for table, place in ((calls, 0), (events, 1), (decisions, 2)):
                connection.execute(insert(table), [row[place] for row in rows])


def _rows(book: Rulebook) -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    decider = book.script(SCRIPT)
    space = random_facts(2_000)
    for number in range(1, CALLS + 1):
        facts = space[number % len(space)] | {"client_name": f"Клиент {number}"}
        decision = decider.decide(facts)
        at = _START + timedelta(minutes=number)
        call = {
            "id": number,
            "namespace": "bench",
            "call_id": f"c-{number}",
            "generation": 1,
            "script": SCRIPT,
            "phone": f"+7916{number:07d}",
            "first_occurred_at": at,
            "last_occurred_at": at,
            "deadline_at": at + timedelta(hours=24),
            "late": False,
            "decision_number": 1,
            "outcome": decision.outcome,
        }
        event = {
            "source": "bench",
            "event_id": f"e-{number}",
            "digest": f"{number:064x}",
            "received_at": at,
            "occurred_at": at,
            "call_ref": number,
            "facts": facts,
            "final": True,
            "answer": {},
        }
        written = {
            "call_ref": number,
            "number": 1,
            "outcome": decision.outcome,
            "revision": book.revision,
            "facts": facts,
            "decision": decision.to_json(),
            "created_at": at,
        }
        yield call, event, written
