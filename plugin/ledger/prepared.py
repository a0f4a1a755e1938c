"""Statements that are worded once and then only run: those that every event goes through.

SQLite answers one in a few microseconds, inside this process; SQLAlchemy's own way to it takes ten times as long. There
the driver gets SQLAlchemy's SQL and values, kept from the first use on. PostgreSQL, a network away, is asked through
SQLAlchemy, which also watches its connections.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Insert, Select, Table, bindparam, insert
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from plugin.ledger.sqlite_driver import run_in_driver, told

#: Rows that one statement adds at most, so that there are few wordings.
_ROWS = 16

_Process = Callable[[Any], Any] | None
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class PreparedSelect:
    """A query whose parameters are all ``bindparam``. Thread-safe."""

    def __init__(self, query: Select[Any]) -> None:
        self._query = query
        self._worded: _Worded | None = None

    def all(self, connection: Connection, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """The rows, with their columns as attributes. Raises what ``Connection.execute`` raises."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._query, parameters).all()
        if self._worded is None:
            columns = [(column["name"], column["type"]) for column in self._query.column_descriptions]
            self._worded = _Worded(self._query, columns, connection.dialect)
        return self._worded.run(connection, [parameters])


class PreparedInsert:
    """Adds rows to ``table`` and returns some columns of each. Thread-safe.

    ``values`` are the columns that the database works out; a parameter in them that is no column has one value for all
    rows that are added together.
    """

    def __init__(
        self, table: Table, *returning: Column[Any], values: Mapping[str, ColumnElement[Any]] | None = None
    ) -> None:
        self._table = table
        self._values = dict(values or {})
        self._returning = returning
        self._insert = insert(table).values(self._values).returning(*returning)
        self._worded: dict[tuple[int, tuple[str, ...], tuple[str, ...]], _Worded] = {}
        # SQLite tells the id of a row that it added by itself; to have it returned costs it a table in between.
        (primary, *others) = table.primary_key.columns
        self._is_id = not others and returning == (primary,)

    def one(self, connection: Connection, row: Mapping[str, Any]) -> Any:
        """Add a row. Raises what ``Connection.execute`` raises."""
        return self.many(connection, [row])[0]

    def many(
        self, connection: Connection, rows: Sequence[Mapping[str, Any]], shared: Mapping[str, Any] = _NOTHING
    ) -> Sequence[Any]:
        """Add rows that have the same columns; what is returned has no order.

        ``shared``: the columns, and the parameters of ``values``, that are the same in all of them.
        """
        if rows and connection.dialect.name != "sqlite":
            return connection.execute(self._insert, [{**shared, **row} for row in rows]).all()
        added: list[Any] = []
        for start in range(0, len(rows), _ROWS):
            added += self._add(connection, rows[start : start + _ROWS], shared)
        return added

    def _add(
        self, connection: Connection, rows: Sequence[Mapping[str, Any]], shared: Mapping[str, Any]
    ) -> Sequence[Any]:
        key = len(rows), tuple(rows[0]), tuple(shared)
        worded = self._worded.get(key)
        if worded is None:
            worded = self._worded[key] = self._word(*key, connection.dialect)
        return worded.run(connection, [*rows, shared])

    def _word(self, rows: int, names: tuple[str, ...], shared: tuple[str, ...], dialect: Dialect) -> _Worded:
        columns = [name for name in names if name in self._table.c]
        # A parameter of no column: given with the first row, where it is not shared.
        places = {name: (0, name) for name in names if name not in self._table.c}
        places |= {name: (rows, name) for name in shared}
        own = {f"{name}_{number}": (number, name) for number in range(rows) for name in columns}
        same = {name: self._parameter(name, name) for name in shared if name in self._table.c}
        each: list[dict[str, ColumnElement[Any]]] = [same | self._values for _ in range(rows)]
        for parameter, (number, name) in own.items():
            each[number][name] = self._parameter(parameter, name)
        statement = insert(self._table).values(each)
        if self._is_id and rows == 1:
            return _Worded(statement, [(column.name, column.type) for column in self._returning], dialect, places | own)
        returning = [(column.name, column.type) for column in self._returning]
        return _Worded(statement.returning(*self._returning), returning, dialect, places | own)

    def _parameter(self, parameter: str, column: str) -> ColumnElement[Any]:
        return bindparam(parameter, type_=self._table.c[column].type)


class _Worded:
    """A statement in SQLite's words, and how its values go in and come out.

    ``columns``: name and type of each; of an insert that returns nothing, that of its row's id alone. ``places``: in
    which row, under which name, a parameter's value is given, where that is not the first row and its own name.
    """

    def __init__(
        self,
        statement: Select[Any] | Insert,
        columns: Sequence[tuple[str, TypeEngine[Any]]],
        dialect: Dialect,
        places: Mapping[str, tuple[int, str]] = _NOTHING,
    ) -> None:
        compiled = statement.compile(dialect=dialect)
        assert compiled.positiontup is not None
        # A value that stands in several places goes in once; row by row, so that each row is asked for all at once.
        binds = compiled.binds
        place_of = {name: places.get(name, (0, name)) for name in compiled.positiontup if binds[name].required}
        fixed = [name for name in dict.fromkeys(compiled.positiontup) if name not in place_of]
        names = [*fixed, *sorted(place_of, key=lambda name: place_of[name][0])]
        self._sql = _numbered(compiled.string, [names.index(name) for name in compiled.positiontup])
        self._fixed = [compiled.params[name] for name in fixed]
        given = [place_of[name] for name in names[len(fixed) :]]
        self._from = [(row, _values_of(asked)) for row, asked in _by_row(given).items()]
        processes = [_into(binds[name].type, dialect) for name in names]
        self._into = [(number, process) for number, process in enumerate(processes) if process]
        self._out = [_out_of(type_, dialect) for _, type_ in columns]
        self._row = namedtuple("Row", [name for name, _ in columns], rename=True)  # type: ignore[misc]
        self._tells_id = isinstance(statement, Insert) and not statement.returning_column_descriptions

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """What it returns for the parameters in these rows."""
        values = list(self._fixed)
        for number, values_of in self._from:
            values += values_of(rows[number])
        for place, process in self._into:
            values[place] = process(values[place])
        cursor = run_in_driver(connection, self._sql, values)
        try:
            found = [(cursor.lastrowid,)] if self._tells_id else cursor.fetchall()
        except sqlite3.Error as error:
            raise told(self._sql, error) from error
        return [self._row(*map(_through, self._out, row)) for row in found]


def _by_row(places: Iterable[tuple[int, str]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for row, name in places:
        found.setdefault(row, []).append(name)
    return found


def _values_of(names: Sequence[str]) -> Callable[[Mapping[str, Any]], Iterable[Any]]:
    """What takes the values of these names out of a row, in their order."""
    if len(names) == 1:
        (name,) = names
        return lambda row: (row[name],)
    return itemgetter(*names)


def _numbered(sql: str, places: Sequence[int]) -> str:
    """The statement with each of its parameters called by its number."""
    first, *rest = sql.split("?")
    assert len(rest) == len(places)
    return first + "".join(f"?{place + 1}{part}" for place, part in zip(places, rest, strict=True))


def _into(type_: TypeEngine[Any], dialect: Dialect) -> _Process:
    return type_.dialect_impl(dialect).bind_processor(dialect)


def _out_of(type_: TypeEngine[Any], dialect: Dialect) -> _Process:
    return type_.dialect_impl(dialect).result_processor(dialect, None)


def _through(process: _Process, value: Any) -> Any:
    return process(value) if process else value
