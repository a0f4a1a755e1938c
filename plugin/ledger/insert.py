"""Rows that several processes may make at the same moment: whoever comes second goes on with the first one's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, insert
from sqlalchemy.exc import IntegrityError


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
        # Another process may be quicker.
        with suppress(IntegrityError), connection.begin_nested():
            connection.execute(insert(table), blank())
        row = connection.execute(query, key).one()
    return row
