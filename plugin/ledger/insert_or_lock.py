"""Rows that several processes may make at the same moment: one of them makes the row, the others use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, insert
from sqlalchemy.exc import IntegrityError

Values = Mapping[str, Any]


def insert_if_absent(connection: Connection, table: Table, row: Values) -> bool:
    """Insert this row; False where its key is taken, also by a process that was quicker just now."""
    try:
        with connection.begin_nested():
            connection.execute(insert(table), dict(row))
    except IntegrityError:
        return False
    return True


def lock_or_insert(
    connection: Connection, query: Select[Any], key: Values, table: Table, new: Callable[[], Values]
) -> Row[Any]:
    """The row that ``query`` finds and locks by ``key``; made as ``new`` says where it does not exist yet."""
    row = connection.execute(query, dict(key)).one_or_none()
    if row is None:
        insert_if_absent(connection, table, new())
        row = connection.execute(query, dict(key)).one()
    return row
