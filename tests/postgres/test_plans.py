"""What is due is found by its indexes on both databases, whatever the statistics: never by going through all rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Select, insert, text
from sqlalchemy.dialects import postgresql, sqlite

from plugin.delivery.order import ANY_DUE, ANY_DUE_IN, LONGEST_DUE, NEWEST_PROMISE, OLDEST_DEADLINE
from plugin.ledger import Ledger
from plugin.ledger.schema import calls, decisions, revisions

NOW = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)
STATEMENTS: dict[str, tuple[Select[Any], str]] = {
    "anything": (ANY_DUE, "ix_deliveries_due"),
    "longest due": (LONGEST_DUE, "ix_deliveries_due"),
    **{f"anything for {lane}": (ANY_DUE_IN[lane], f"ix_deliveries_{lane}") for lane in ANY_DUE_IN},
    **{f"oldest for {lane}": (OLDEST_DEADLINE[lane], f"ix_deliveries_{lane}") for lane in OLDEST_DEADLINE},
    **{f"newest for {lane}": (NEWEST_PROMISE[lane], f"ix_deliveries_{lane}") for lane in NEWEST_PROMISE},
}
#: A table of this many rows, all ended; and one where all of them wait, as after an outage.
ROWS = 20_000
_FILL = {
    "SQLite": """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
        INSERT INTO deliveries (call_ref, decision_ref, key, action, kind, text, deadline_at, state, not_before,
            cancel, attempts, created_at, withdraws)
        SELECT 1, 1, 'k' || i, 'comment', CASE i % 3 WHEN 0 THEN 'smtp_email' ELSE 'comment' END, 'text',
            datetime(:now, i || ' seconds'), :state, datetime(:now, -(i % 5000) || ' seconds'), false, 0, :now,
            CASE WHEN i % 10 = 1 AND i > 1 THEN i - 1 END FROM n""",
    "PostgreSQL": """INSERT INTO deliveries (call_ref, decision_ref, key, action, kind, text, deadline_at, state,
            not_before, cancel, attempts, created_at, withdraws)
        SELECT 1, 1, 'k' || i, 'comment', CASE i % 3 WHEN 0 THEN 'smtp_email' ELSE 'comment' END, 'text',
            CAST(:now AS timestamp) + make_interval(secs => i), :state,
            CAST(:now AS timestamp) - make_interval(secs => i % 5000), false, 0, CAST(:now AS timestamp),
            CASE WHEN i % 10 = 1 AND i > 1 THEN i - 1 END FROM generate_series(1, :rows) i""",
}


@pytest.fixture(params=["done", "pending"])
def ledger(ledger_url: str, request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """A ledger whose deliveries are all in this state, every tenth taking another one back."""
    ledger = Ledger(ledger_url)
    with ledger.write() as connection:
        _one_call(connection)
        values = {"rows": ROWS, "state": request.param, "now": f"{NOW:%Y-%m-%d %H:%M:%S}"}
        connection.execute(text(_FILL[ledger.kind]), values)
        connection.exec_driver_sql("ANALYZE")
    yield ledger
    ledger.close()


def _one_call(connection: Connection) -> None:
    moments = {"first_occurred_at": NOW, "last_occurred_at": NOW, "deadline_at": NOW + timedelta(hours=24)}
    call = {"namespace": "n", "call_id": "c", "generation": 1, "script": "s", "late": False, "decision_number": 1}
    connection.execute(insert(revisions), {"revision": "r", "content": {}, "created_at": NOW})
    connection.execute(insert(calls), call | moments)
    decision = {"call_ref": 1, "number": 1, "revision": "r", "facts": {}, "decision": {}, "created_at": NOW}
    connection.execute(insert(decisions), decision)


def plan(ledger: Ledger, statement: Select[Any]) -> list[str]:
    """The steps of the database's plan, as it says them."""
    dialect: Any = postgresql.dialect() if ledger.kind == "PostgreSQL" else sqlite.dialect()  # type: ignore[no-untyped-call]
    compiled = statement.params(now=NOW, limit=50, taken=[1, 2, 3]).compile(
        dialect=dialect, compile_kwargs={"literal_binds": True}
    )
    explain = "EXPLAIN" if ledger.kind == "PostgreSQL" else "EXPLAIN QUERY PLAN"
    with ledger.read() as connection:
        return [str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {compiled}".replace("%", "%%"))]


@pytest.mark.parametrize("name", STATEMENTS)
def test_it_is_found_by_its_index(ledger: Ledger, name: str) -> None:
    statement, index = STATEMENTS[name]
    steps = plan(ledger, statement)
    assert any(index in step for step in steps), steps
    assert not any("Seq Scan" in step or step.startswith("SCAN deliveries") for step in steps), steps
    # Sorting would mean to fetch all that is due first; a sort of what the index left equal is none.
    assert not any(step.lstrip(" ->").startswith("Sort ") or "TEMP B-TREE" in step for step in steps), steps


def test_claims_of_several_processes_pass_each_other_by(postgres_url: str) -> None:
    one, two = Ledger(postgres_url), Ledger(postgres_url)
    with one.write() as connection:
        _one_call(connection)
        values = {"rows": 20, "state": "pending", "now": f"{NOW:%Y-%m-%d %H:%M:%S}"}
        connection.execute(text(_FILL["PostgreSQL"]), values)
    claim = LONGEST_DUE.params(now=NOW, limit=8, taken=[0])
    with one.write() as first, two.write() as second:
        ids = [set(connection.execute(claim).scalars()) for connection in (first, second)]
    assert [len(found) for found in ids] == [8, 8]
    assert ids[0].isdisjoint(ids[1])
    one.close()
    two.close()
