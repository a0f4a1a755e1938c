"""A console with a million calls: a busy day of which some are copied by SQL, spread over a year."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Table, select, text, update

from plugin.authoring.revisions.active import ActiveRules
from plugin.config.load import load_settings, shipped_dir
from plugin.config.settings import PageSettings, Settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.ledger import Ledger
from plugin.ledger.promises import promises, watched_reminders
from plugin.ledger.schema import UtcTime, attempts, calls, decisions, deliveries, events
from tests.plugin.auth.support import KEY, HandClock
from tests.plugin.web.console.busy_day import fill
from tests.plugin.web.console.console_site import ConsoleSite
from tests.plugin.web.harness import ENVIRON, PLUGIN_TOML
from tests.support.backlog import settle

CALLS = 1_000_000
#: Copies of a call with everything that an exclusion brings along, and of calls that are late or stopped.
_WHOLE, _LATE, _STOPPED = 100_000, 1_000, 500
#: Ids of one call's rows are further from those of the next than any busy day has rows.
_STRIDE = 1_000
#: Seconds over which those copies are spread that are done.
_YEAR = 365 * 86_400
_NUMBERS = {
    "SQLite": "WITH RECURSIVE n(i) AS (SELECT {} UNION ALL SELECT i + 1 FROM n WHERE i < {})",
    "PostgreSQL": "WITH n(i) AS (SELECT generate_series({}, {}))",
}
_TABLES: tuple[tuple[Table, str], ...] = (
    (calls, "id"),
    (events, "call_ref"),
    (decisions, "call_ref"),
    (deliveries, "call_ref"),
    (attempts, "delivery_ref"),
    (promises, "call_ref"),
    (watched_reminders, "call_ref"),
)
#: What makes one copy differ from the next, besides ids and times.
_OWN = {
    "calls.call_id": "t.call_id || '-' || n.i",
    "calls.phone": "'+79' || (100000000 + n.i)",
    "calls.card_id": "CAST(n.i AS text)",
    "calls.card_name": "t.card_name || ' ' || n.i",
    "calls.card_search": "t.card_search || ' ' || n.i",
    "calls.operator": "'operator-' || (n.i % 50)",
    "events.event_id": "t.event_id || '-' || n.i",
    "deliveries.key": "'k' || n.i || '-' || t.id",
}


@contextmanager
def large_console(url: str, folder: Path) -> Iterator[tuple[ConsoleSite, dict[str, int]]]:
    """The console on an empty ledger that is filled; and the busy day's calls by what they are."""
    clock = HandClock()
    with closing(Ledger(url, clock=clock)) as ledger:
        ledger.upgrade()
        with closing(ActiveRules(ledger, clock)) as rules:
            rules.activate(Rulebook.load(shipped_dir() / "rules"), "bench", "start")
            site = ConsoleSite(ledger, rules, _settings(url, folder), clock)
            found = fill(site)
            site.done(found["none"])
            with ledger.write() as connection:
                kept = {"state": "kept", "ended_at": clock(), "written_at": clock()}
                connection.execute(update(promises).where(promises.c.call_ref == found["done"]).values(kept))
                if ledger.kind == "SQLite":
                    # Gigabytes of indexes are filled at random.
                    connection.exec_driver_sql("PRAGMA cache_size = -2000000")
                first = 1
                for name, count in (("done", _WHOLE), ("late", _LATE), ("stopped", _STOPPED)):
                    _copy(connection, ledger.kind, found[name], (first, count), _YEAR // count if name == "done" else 1)
                    first += count
                _copy(connection, ledger.kind, found["none"], (first, CALLS - first), _YEAR // CALLS)
            settle(ledger)
            yield site, found


def _settings(url: str, folder: Path) -> Settings:
    (folder / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
    settings = load_settings(folder / "plugin.toml", ENVIRON)
    return replace(settings, ledger_url=url, page=PageSettings("http://localhost", source="telephony", secret=KEY))


def _copy(connection: Connection, kind: str, call: int, which: tuple[int, int], step: int) -> None:
    """Copies of a call and all that hangs on it: ``which`` are the first one's number and how many there are.

    Each lies ``step`` seconds further back.
    """
    first, count = which
    numbers = _NUMBERS[kind].format(first, first + count - 1)
    back = f"((n.i - {first - 1}) * {step})"
    held = select(deliveries.c.id).where(deliveries.c.call_ref == call)
    sent = ", ".join(str(id_) for id_ in connection.execute(held).scalars()) or "-1"
    for table, key in _TABLES:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        values = ", ".join(_value(kind, table, column, back) for column in table.columns)
        copied = f"t.{key} IN ({sent})" if key == "delivery_ref" else f"t.{key} = {call}"
        query = f'{numbers} SELECT {values} FROM n CROSS JOIN "{table.name}" t WHERE {copied}'
        query = f'INSERT INTO "{table.name}" ({names}) {query}'
        # A colon would be taken for the name of a parameter.
        connection.execute(text(query.replace("%H:%M:%f", r"%H\:%M\:%f")))


def _value(kind: str, table: Table, column: Column[Any], back: str) -> str:
    here = f't."{column.name}"'
    refers = any(key.column.table in {one for one, _ in _TABLES} for key in column.foreign_keys)
    if refers or (column.primary_key and column.name == "id"):
        return f"{here} + n.i * {_STRIDE}"
    if f"{table.name}.{column.name}" in _OWN:
        return _OWN[f"{table.name}.{column.name}"]
    if isinstance(column.type, UtcTime):
        if kind == "SQLite":
            return f"strftime('%Y-%m-%d %H:%M:%f000', {here}, '-' || {back} || ' seconds')"
        return f"{here} - make_interval(secs => {back})"
    return here
