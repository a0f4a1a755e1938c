"""The straight way to SQLite's driver, for what every transaction does: SQLAlchemy's own takes ten times as long."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


def run_in_driver(connection: Connection, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
    """The cursor, with all rows still to be read. Raises SQLAlchemy's errors for the driver's.

    The values, which may be personal, stay out of them.
    """
    driver: Any = connection.connection.dbapi_connection
    try:
        cursor: sqlite3.Cursor = driver.execute(sql, values)
        return cursor
    except sqlite3.Error as error:
        raise told(sql, error) from error


def told(sql: str, error: sqlite3.Error) -> BaseException:
    """SQLAlchemy's error for the driver's, without values."""
    return DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True)
