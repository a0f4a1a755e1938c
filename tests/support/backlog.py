"""Fills a ledger with any number of deliveries at once, for what depends on how many there are."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import insert, text

from plugin.ledger import Ledger
from plugin.ledger.schema import revisions

_NUMBERS = {
    "SQLite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) SELECT {} FROM n",
    "PostgreSQL": "SELECT {} FROM generate_series(1, :rows) AS n(i)",
}
_LATER = {
    "SQLite": "strftime('%Y-%m-%d %H:%M:%f000', :now, ({}) || ' seconds')",
    "PostgreSQL": "CAST(:now AS timestamp) + make_interval(secs => {})",
}
#: Deliveries of each call.
_PER_CALL = 5


def fill(ledger: Ledger, rows: int, now: datetime, *, open_from: int = 0) -> None:
    """``rows`` deliveries, every tenth of which takes another one of its call back.

    Those after the first ``open_from`` are pending and have been due for up to 5,000 s, the first ones are done.
    """
    later = _LATER[ledger.kind].format
    present, call = later(0), f"1 + (i - 1) / {_PER_CALL}"
    state = f"CASE WHEN i > {open_from} THEN 'pending' ELSE 'done' END"
    kind = "CASE i % 3 WHEN 0 THEN 'smtp_email' ELSE 'comment' END"
    back = "CASE WHEN i % 10 = 2 THEN i - 1 END"
    tables = {
        "calls (namespace, call_id, generation, script, first_occurred_at, last_occurred_at, deadline_at, late,"
        " decision_number)": f"'n', 'c' || i, 1, 's', {present}, {present}, {present}, false, 1",
        "decisions (call_ref, number, revision, facts, decision, created_at)": f"i, 1, 'r', '{{}}', '{{}}', {present}",
        "deliveries (call_ref, decision_ref, key, action, kind, text, deadline_at, state, not_before, cancel, attempts,"
        " created_at, withdraws)": f"{call}, {call}, 'k' || i, 'comment', {kind}, 'text', {later('i')}, {state},"
        f" {later('-(i % 5000)')}, false, 0, {present}, {back}",
    }
    given = {"now": f"{now.astimezone(UTC):%Y-%m-%d %H:%M:%S}"}
    with ledger.write() as connection:
        connection.execute(insert(revisions), {"revision": "r", "content": {}, "created_at": now})
        for table, values in tables.items():
            count = rows if table.startswith("deliveries") else -(-rows // _PER_CALL)
            # A colon with digits after it would be taken for a parameter.
            numbers = _NUMBERS[ledger.kind].format(values.replace("%H:%M:%f", r"%H\:%M\:%f"))
            connection.execute(text(f"INSERT INTO {table} {numbers}"), given | {"rows": count})
    settle(ledger)


def settle(ledger: Ledger) -> None:
    """What the database does by itself soon after so many rows have come in: until then it plans as if they were few.

    PostgreSQL also trusts no index alone before its VACUUM.
    """
    if not ledger.is_shared:
        with ledger.write() as connection:
            connection.exec_driver_sql("ANALYZE")
        return
    # VACUUM wants no transaction.
    with ledger._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
