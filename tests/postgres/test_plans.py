"""What is due is found by its indexes on both databases, whatever the statistics: never by going through all rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, event

from plugin.delivery.fair_order import any_due, next_due
from plugin.ledger import Ledger
from plugin.resilience.lanes import LANES, Lane
from tests.support.backlog import fill

NOW = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)
#: Deliveries, five of a call; and which of them are open: none, all as after an outage, or the last tenth.
ROWS = 20_000
OPEN_FROM = {"all have ended": ROWS + 1, "all wait": 0, "the last ones wait": ROWS * 9 // 10}


@pytest.fixture(params=OPEN_FROM.values(), ids=OPEN_FROM)
def ledger(ledger_url: str, request: pytest.FixtureRequest) -> Iterator[Ledger]:
    ledger = Ledger(ledger_url)
    fill(ledger, ROWS, NOW, open_from=request.param)
    yield ledger
    ledger.close()


def plans(ledger: Ledger, ask: Callable[[Connection], object]) -> list[list[str]]:
    """The steps of the database's plan of each statement by which something is asked."""
    asked: list[tuple[str, Any]] = []
    with ledger.write() as connection:

        def keep(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
            asked.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", keep)
        ask(connection)
        event.remove(connection, "before_cursor_execute", keep)
        explain = "EXPLAIN" if ledger.kind == "PostgreSQL" else "EXPLAIN QUERY PLAN"
        return [
            [str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)]
            for statement, parameters in asked
        ]


def _any_due(connection: Connection, lane: Lane) -> object:
    return any_due(connection, NOW, [lane])


def _next_due(connection: Connection, lane: Lane) -> object:
    return next_due(connection, NOW, 50, lanes=[lane])


ASKED: dict[str, Callable[[Connection], object]] = {
    "anything due": lambda connection: any_due(connection, NOW),
    "the next ones": lambda connection: next_due(connection, NOW, 50),
    **{f"anything due for {lane}": partial(_any_due, lane=lane) for lane in LANES},
    **{f"the next ones for {lane}": partial(_next_due, lane=lane) for lane in LANES},
}


# All are asked of one ledger: to fill it takes far longer than to ask.
def test_everything_due_is_found_by_its_index(ledger: Ledger) -> None:
    found = {name: plans(ledger, ask) for name, ask in ASKED.items()}
    assert all(found.values())
    assert [f"{name}: {steps}" for name, plan in found.items() for steps in plan if not _goes_by_its_index(steps)] == []


def _goes_by_its_index(steps: list[str]) -> bool:
    # Walking a partial index in its order is fine, going through the table is not.
    whole = any(step.startswith("SCAN deliveries") and "USING INDEX" not in step for step in steps)
    # Sorting would mean to fetch all that is due first; a sort of what the index left equal is none.
    is_sorted = any(step.lstrip(" ->").startswith("Sort ") or "TEMP B-TREE" in step for step in steps)
    by_index = any("ix_deliveries_" in step for step in steps) and not any("Seq Scan" in step for step in steps)
    return by_index and not whole and not is_sorted


def test_claims_of_several_processes_pass_each_other_by(postgres_url: str) -> None:
    one, two = Ledger(postgres_url), Ledger(postgres_url)
    fill(one, 20, NOW)
    with one.write() as first, two.write() as second:
        ids = [set(next_due(connection, NOW, 8)) for connection in (first, second)]
    assert [len(found) for found in ids] == [8, 8]
    assert ids[0].isdisjoint(ids[1])
    one.close()
    two.close()
