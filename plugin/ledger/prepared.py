"""Statements that are worded once and then only run: those that every event goes through.

SQLite answers one in a few microseconds, inside this process; SQLAlchemy's own way to it takes ten times as long. There
the driver gets SQLAlchemy's SQL and values, kept from the first use on. PostgreSQL, a network away, is asked through
SQLAlchemy, which also watches its connections.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Insert, Select, Table, bindparam, insert
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

#: Rows that one statement adds at most, so that there are few wordings.
_ROWS = 16

_Process = Callable[[Any], Any] | None


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
        self._worded: dict[tuple[int, tuple[str, ...]], _Worded] = {}

    def one(self, connection: Connection, row: Mapping[str, Any]) -> Any:
        """Add a row. Raises what ``Connection.execute`` raises."""
        return self.many(connection, [row])[0]

    def many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
        """Add rows that have the same columns; what is returned has no order."""
        if rows and connection.dialect.name != "sqlite":
            return connection.execute(self._insert, rows).all()
        added: list[Any] = []
        for start in range(0, len(rows), _ROWS):
            added += self._add(connection, rows[start : start + _ROWS])
        return added

    def _add(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
        key = len(rows), tuple(rows[0])
        worded = self._worded.get(key)
        if worded is None:
            worded = self._worded[key] = self._word(*key, connection.dialect)
        return worded.run(connection, rows)

    def _word(self, rows: int, names: Iterable[str], dialect: Dialect) -> _Worded:
        columns = [name for name in names if name in self._table.c]
        places = {f"{name}_{number}": (number, name) for number in range(rows) for name in columns}
        each: list[dict[str, ColumnElement[Any]]] = [dict(self._values) for _ in range(rows)]
        for parameter, (number, name) in places.items():
            each[number][name] = bindparam(parameter, type_=self._table.c[name].type)
        statement = insert(self._table).values(each).returning(*self._returning)
        return _Worded(statement, [(column.name, column.type) for column in self._returning], dialect, places)


class _Worded:
    """A statement in SQLite's words, and how its values go in and come out.

    ``columns``: name and type of each. ``places``: in which row, under which name, a parameter's value is given, where
    that is not the first row and its own name.
    """

    def __init__(
        self,
        statement: Select[Any] | Insert,
        columns: Sequence[tuple[str, TypeEngine[Any]]],
        dialect: Dialect,
        places: Mapping[str, tuple[int, str]] = MappingProxyType({}),
    ) -> None:
        compiled = statement.compile(dialect=dialect)
        self._sql = compiled.string
        assert compiled.positiontup is not None
        self._given = [
            (*places.get(name, (0, name)), compiled.params[name], _into(compiled.binds[name].type, dialect))
            for name in compiled.positiontup
        ]
        self._out = [_out_of(type_, dialect) for _, type_ in columns]
        self._row = namedtuple("Row", [name for name, _ in columns], rename=True)  # type: ignore[misc]

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """What it returns for the parameters in these rows."""
        values = []
        for number, name, fixed, process in self._given:
            value = rows[number].get(name, fixed)
            values.append(process(value) if process else value)
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        try:
            found = driver.execute(self._sql, values).fetchall()
        except sqlite3.Error as error:
            raise _told(self._sql, error) from error
        return [self._row(*map(_through, self._out, row)) for row in found]


def _into(type_: TypeEngine[Any], dialect: Dialect) -> _Process:
    return type_.dialect_impl(dialect).bind_processor(dialect)


def _out_of(type_: TypeEngine[Any], dialect: Dialect) -> _Process:
    return type_.dialect_impl(dialect).result_processor(dialect, None)


def _through(process: _Process, value: Any) -> Any:
    return process(value) if process else value


def _told(sql: str, error: sqlite3.Error) -> BaseException:
    """SQLAlchemy's error for the driver's; the values, which may be personal, stay out of it."""
    return DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True)
