"""``optout calls list`` among 1,000,000 calls: by each of its options, on SQLite and on PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from statistics import median

from sqlalchemy import text

from benchmarks.ledger import kinds
from benchmarks.measure import ROUNDS, Row
from plugin.common.clock import utc_now
from plugin.ledger import Ledger
from plugin.ledger.call_search import CallSearch, folded
from plugin.ledger.history import list_calls
from tests.support.backlog import settle

CALLS = 1_000_000
LIMIT = 20
#: Longer waits are felt.
_MOST_SECONDS = 0.2
_NAMES = ("Иванова Анна", "Петров Пётр", "Сидорова Ольга", "Ким Сергей")
_COLUMNS = (
    "namespace, call_id, generation, script, phone, operator, card_type, card_id, card_name, card_search, outcome,"
    " first_occurred_at, last_occurred_at, deadline_at, late, decision_number"
)
_NUMBERS = {
    "SQLite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) SELECT {} FROM n",
    "PostgreSQL": "SELECT {} FROM generate_series(1, :rows) AS n(i)",
}
#: A call every half a minute, so that they go back a year.
_EARLIER = {
    "SQLite": "strftime('%Y-%m-%d %H\\:%M\\:%f000', :now, (-30 * i) || ' seconds')",
    "PostgreSQL": "CAST(:now AS timestamp) - make_interval(secs => 30 * i)",
}


def searches() -> list[Row]:
    """The slowest search of each database, the median of some rounds."""
    rows = []
    for kind, make in kinds():
        ledger = Ledger(make())
        ledger.upgrade()
        _fill(ledger)
        times = {name: _seconds(ledger, search) for name, search in _searches().items()}
        ledger.close()
        slowest = max(times, key=lambda name: times[name])
        taken = times[slowest]
        rows.append(Row(f"{kind}: the slowest, ms", f"{taken * 1000:.0f}", "<= 200", taken <= _MOST_SECONDS))
        rows += [Row(f"({kind}, {name}, ms)", f"{seconds * 1000:.0f}") for name, seconds in times.items()]
    return rows


def _searches() -> Mapping[str, CallSearch]:
    now = utc_now()
    return {
        "all": CallSearch(),
        "--phone": CallSearch(phone="8 (916) 100-04-56"),
        "--phone, a part that few have": CallSearch(phone="1500456"),
        "--phone, a part that nobody has": CallSearch(phone="55-55-55-55"),
        "--name": CallSearch(name="ким серг 999777"),
        "--name that nobody has": CallSearch(name="Афанасьев"),
        "--card": CallSearch(card="4567"),
        "--operator": CallSearch(operator="operator-7"),
        "--script that has no calls": CallSearch(script="callbacks"),
        "--outcome that no call has": CallSearch(outcome="exclude_all"),
        "--source that has no calls": CallSearch(source="elsewhere"),
        "--since and --until": CallSearch(since=now - timedelta(days=200), until=now - timedelta(days=190)),
        "the last page": CallSearch(after=CALLS - 5),
        "several at once": CallSearch(name="пётр", operator="operator-9", outcome="none", until=now),
    }


def _seconds(ledger: Ledger, search: CallSearch) -> float:
    times = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        with ledger.read() as connection:
            list_calls(connection, utc_now(), search, limit=LIMIT)
        times.append(time.perf_counter() - began)
    # The first one warms up.
    return median(times[1:])


def _fill(ledger: Ledger) -> None:
    """Calls of a year, the newest first: of 50 operators, each client with a number and a card of their own."""
    moment = _EARLIER[ledger.kind]
    names = " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(_NAMES))
    searched = " ".join(f"WHEN {number} THEN '{folded(name)}'" for number, name in enumerate(_NAMES))
    values = (
        f"'telephony', 'c' || i, 1, 'survey_opt_out', '+7916' || (1000000 + i), 'operator-' || (i % 50), 'contact',"
        f" CAST(i AS text), (CASE i % 4 {names} END) || ' ' || i, (CASE i % 4 {searched} END) || ' ' || i,"
        f" CASE i % 3 WHEN 0 THEN 'none' ELSE 'exclude_calls' END, {moment}, {moment}, {moment}, false, 0"
    )
    given = {"now": f"{utc_now():%Y-%m-%d %H:%M:%S}", "rows": CALLS}
    with ledger.write() as connection:
        connection.execute(text(f"INSERT INTO calls ({_COLUMNS}) {_NUMBERS[ledger.kind].format(values)}"), given)
    settle(ledger)
