"""SQLAlchemy engines for the ledger's two databases: one machine's SQLite file, or PostgreSQL shared by many.

What a commit promises is set here, whatever the server's own defaults are: it is on the disk before it returns.
"""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from plugin.errors import ConfigError
from plugin.ledger.sqlite_driver import run_in_driver

#: The one driver of PostgreSQL, and how to get it.
_DRIVER = "postgresql+psycopg"
_INSTALL = 'Install it into this environment: pip install "optout-plugin[postgres]"'
_URL_FORMS = f"Write sqlite:///path/to/ledger.db or {_DRIVER}://user@host/database"
#: Connections kept open: the web's threads, the delivery's threads and a few command-line readers.
_POOL = {"pool_size": 16, "max_overflow": 16}
#: A server that cannot be reached is found out about in so many seconds, before the sender of an event gives up.
_CONNECT_SECONDS = 3
#: The same for one that falls silent in the middle: no answer from the other machine's kernel for so long.
_CONNECT = {
    "client_encoding": "utf8",
    "connect_timeout": _CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
#: A process that was stopped in the middle of a transaction loses it, and with it the rows it holds up, after so long.
_IDLE_IN_TRANSACTION = "30s"
#: Made once: ``json.dumps`` makes one for each value.
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
#: How often it is tried again to give a new SQLite file its log, in seconds.
_AGAIN = 0.01
#: Answers of a server that was one to write to and is none any more, after a fail-over.
_READ_ONLY = "25006"
_SESSION = f"""
    SELECT set_config('lock_timeout', %s, false),
           set_config('idle_in_transaction_session_timeout', '{_IDLE_IN_TRANSACTION}', false),
           set_config('timezone', 'UTC', false),
           CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END
"""


def parsed(url: str) -> URL:
    """The url of a ledger. Raises ConfigError, without repeating it, for one that can be none."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError("ledger: the url cannot be read", hint=_URL_FORMS) from error
    backend, _, driver = parsed.drivername.partition("+")
    if backend not in ("sqlite", "postgresql"):
        raise ConfigError(f"ledger: {backend} is not supported", hint=_URL_FORMS)
    if backend == "postgresql":
        if driver not in ("", "psycopg"):
            raise ConfigError(f"ledger: the driver {driver} is not supported", hint=_URL_FORMS)
        return parsed.set(drivername=_DRIVER)
    if parsed.database in {None, "", ":memory:"}:
        raise ConfigError("ledger: a database in memory forgets its promises", hint="Write sqlite:///path/to/ledger.db")
    return parsed


def sqlite_engine(url: URL, busy_seconds: float) -> Engine:
    """One file. ``busy_seconds``: how long a writer waits for another process's."""
    connect = {"timeout": busy_seconds, "check_same_thread": False}
    engine = _engine(url, busy_seconds, connect_args=connect)

    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        _set_up_sqlite(connection, busy_seconds)

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def postgresql_engine(url: URL, busy_seconds: float) -> Engine:
    """A server. ``busy_seconds``: how long a statement waits for a row that another transaction holds.

    Several hosts may stand in the url; the one that can be written to is used. Connections are tried before each use,
    so that one that was lost while it lay idle is never noticed. Raises ConfigError where the driver is missing.
    """
    connect = {name: value for name, value in _CONNECT.items() if name not in url.query}
    if "target_session_attrs" not in url.query:
        connect["target_session_attrs"] = "read-write"
    try:
        engine = _engine(
            url,
            busy_seconds,
            connect_args=connect,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            pool_use_lifo=True,
        )
    except ModuleNotFoundError as error:
        raise ConfigError("ledger: the driver of PostgreSQL is not installed", hint=_INSTALL) from error
    except NoSuchModuleError as error:
        raise ConfigError(f"ledger: no driver for {url.drivername}", hint=_INSTALL) from error

    def set_up(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_SESSION, (f"{round(busy_seconds * 1000)}ms",))
        connection.commit()

    event.listen(engine, "connect", set_up)
    event.listen(engine, "handle_error", _leave_a_former_primary)
    return engine


def _engine(url: URL, busy_seconds: float, **options: Any) -> Engine:
    # Parameters hold phones and names: they must not reach a log through an error's text.
    return create_engine(
        url, hide_parameters=True, json_serializer=_json, pool_timeout=busy_seconds, **_POOL, **options
    )


def _set_up_sqlite(connection: sqlite3.Connection, busy_seconds: float) -> None:
    # The driver's own transactions begin late and only for some statements; off, and BEGIN is ours.
    connection.isolation_level = None
    _write_ahead(connection, busy_seconds)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    # Moving the log into the database costs the writer several fsyncs: after hundreds of events, not after dozens.
    connection.execute("PRAGMA wal_autocheckpoint=8000")


def _write_ahead(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Give the file its write-ahead log, which it keeps.

    A file system that cannot have it, such as a network one, is refused: no commit is safe there.
    Of several processes that open a new file at once SQLite refuses all but one on the spot, whatever the time-out:
    they would wait for each other.
    """
    until = time.monotonic() + busy_seconds
    while True:
        try:
            if not answers_write_ahead(connection):
                hint = "Put the file on a disk of this machine, or use PostgreSQL"
                raise ConfigError(
                    "ledger: SQLite keeps no write-ahead log there, as on a network file system", hint=hint
                )
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_AGAIN)
        else:
            return


def answers_write_ahead(connection: sqlite3.Connection) -> bool:
    """Whether the file has its write-ahead log from now on. Where it cannot, SQLite keeps its old mode silently."""
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    return str(mode).lower() == "wal"


def _begin_sqlite(connection: Connection) -> None:
    begin = "BEGIN IMMEDIATE" if connection.get_execution_options().get("optout_write", False) else "BEGIN"
    run_in_driver(connection, begin)


def _leave_a_former_primary(context: ExceptionContext) -> None:
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY and context.connection is not None:
        # Only a new connection finds out who is to be written to now.
        context.is_disconnect = True
