"""Rows that several processes may make at the same moment: one of them makes the row, the others use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, insert
from sqlalchemy.exc import IntegrityError


def insert_if_absent(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert this row; False where its key is taken, also by a process that was quicker just now."""
    try:
        with connection.begin_nested():
            connection.execute(insert(table), row)
    except IntegrityError:
        return False
    return True


def lock_or_insert(
    connection: Connection,
    table: Table,
    query: Select[Any],
    key: Mapping[str, Any],
    blank: Callable[[], Mapping[str, Any]],
) -> Row[Any]:
    """The one row that ``query`` locks for these parameters; where there is none, ``blank()`` is inserted first."""
    row = connection.execute(query, key).one_or_none()
    if row is None:
        insert_if_absent(connection, table, blank())
        row = connection.execute(query, key).one()
    return row
