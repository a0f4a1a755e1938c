"""Ledgers as each earlier version left them: its own migrations, and rows in every table and column that it had."""

from __future__ import annotations

import gzip
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    DateTime,
    Float,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    create_engine,
    func,
    insert,
    inspect,
    select,
    text,
)

from plugin.ledger import Ledger
from plugin.ledger.migrations import upgrade

#: Written by the version of ``ledger_0009`` itself, with its own rules, and killed over it: a call that is done, one
#: whose process was killed after the comment, one that waits, one that was corrected before anything went out, and one
#: that was never finished.
WRITTEN = Path(__file__).parents[1] / "plugin" / "service" / "former_ledgers" / "ledger_0009.sql.gz"
_MOMENT = datetime(2026, 11, 22, 7, 20)
Rows = dict[str, list[dict[str, Any]]]


def lay_former_ledger(ledger: Ledger, version: str) -> Rows:
    """Make an empty database the ledger of ``version``, filled; every row that it then holds, by table."""
    with ledger.write() as connection:
        upgrade(connection, version)
        tables = former_tables(connection)
        for table in tables:
            # What its own migrations put in stays as it is.
            if not connection.execute(select(func.count()).select_from(table)).scalar_one():
                for row in _rows(table):
                    connection.execute(insert(table), row)
        _count_on(connection, tables)
        return held(connection, tables)


def former_tables(connection: Connection) -> list[Table]:
    """The tables that the database has now, as it says itself, referred ones first."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def held(connection: Connection, tables: list[Table]) -> Rows:
    """What is in these columns of these tables now, whatever others there are."""
    return {table.name: [dict(row) for row in connection.execute(_all_of(table)).mappings()] for table in tables}


def another_of_each(tables: list[Table]) -> Iterator[tuple[Table, dict[str, Any]]]:
    """One more row for each table, in the columns that it had, as a process of that version would write it."""
    for table in tables:
        yield table, _planted(table, 900)


def _all_of(table: Table) -> Any:
    return select(table).order_by(*table.primary_key.columns)


def _rows(table: Table) -> list[dict[str, Any]]:
    """What that version's ledger held in the columns of this table; where it held nothing, one row of every kind."""
    rows = [{name: value for name, value in row.items() if name in table.c} for row in _written().get(table.name, [])]
    return rows or [_planted(table, 1)]


def _planted(table: Table, number: int) -> dict[str, Any]:
    """A row that has something in every column; whom it refers to is the first of them."""
    return {column.name: _value(column, number) for column in table.columns}


def _value(column: Any, number: int) -> Any:
    if column.foreign_keys:
        if column.primary_key:
            return number
        # Only one may refer to the same row: the later one takes another.
        place = int(number > 1 and _is_unique(column))
        return _key_of(next(iter(column.foreign_keys)).column.table.name, place)
    values = {
        Boolean: True,
        DateTime: _MOMENT,
        Integer: number,
        Float: 0.5,
        JSON: {"kept": f"{column.name} {number}"},
    }
    room = min(6, (getattr(column.type, "length", None) or 20) - len(str(number)))
    word = f"{column.name[:room]}{number}"
    return next((value for kind, value in values.items() if isinstance(column.type, kind)), word)


def _is_unique(column: Any) -> bool:
    unique = [one for one in column.table.constraints if isinstance(one, UniqueConstraint)]
    return any(list(one.columns) == [column] for one in unique)


def _key_of(table: str, place: int) -> Any:
    rows = _written().get(table)
    key = "revision" if table == "revisions" else "id"
    return rows[place][key] if rows else place + 1


@cache
def _written() -> Mapping[str, list[dict[str, Any]]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "written.db"
        connection = sqlite3.connect(path)
        connection.executescript(gzip.decompress(WRITTEN.read_bytes()).decode())
        connection.close()
        engine = create_engine(f"sqlite:///{path}")
        with engine.connect() as reading:
            rows = held(reading, former_tables(reading))
        engine.dispose()
    return {table: [_given(row) for row in found] for table, found in rows.items()}


def _given(row: Mapping[str, Any]) -> dict[str, Any]:
    # A column that is left out is NULL; None in a JSON column would be JSON's null.
    return {name: value for name, value in row.items() if value is not None}


def _count_on(connection: Connection, tables: list[Table]) -> None:
    """PostgreSQL counts ids by itself, and is to go on after those that were given."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        numbered = [one["name"] for one in inspect(connection).get_columns(table.name) if one.get("default")]
        if "id" in numbered:
            most = connection.execute(select(func.max(table.c.id))).scalar_one()
            name = {"table": table.name, "most": most}
            connection.execute(text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :most)"), name)
