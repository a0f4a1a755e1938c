"""The ledger's database: one committed transaction at a time for writers, snapshots for readers.

SQLite (WAL, every commit on the disk before ``write`` returns) or any database that SQLAlchemy speaks; whatever keeps
it from committing now is ``LedgerUnavailable``, and nothing of the transaction is left behind.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InternalError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import InterfaceError as DriverInterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from plugin.errors import ConfigError, LedgerUnavailable
from plugin.ledger.turns import Turns

#: How long a writer waits for its turn, in seconds: senders give up after 10 to 30 s, and should hear 503 before.
BUSY_SECONDS = 5.0
#: Connections kept open: the web's threads, the delivery's threads and a few command-line readers.
_POOL = {"pool_size": 16, "max_overflow": 16, "pool_timeout": BUSY_SECONDS}
_URL_FORMS = "Write sqlite:///path/to/ledger.db or postgresql+psycopg://user@host/database"
#: Serialises upgrades on databases without a writer lock of their own: any constant that nobody else uses.
_UPGRADE_LOCK = 0x6F70746F7574


class Ledger:
    """The ledger at ``url``. Thread-safe; nothing is opened before the first use.

    A statement keeps its compiled form between uses when it is built once, at module level, with ``bindparam``.
    Raises ConfigError for a url that names no usable database.
    """

    def __init__(self, url: str, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self._url = _parsed(url)
        self._busy_seconds = busy_seconds
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = _engine(self._url, busy_seconds)
        # The same pool; the option tells the "begin" event to take SQLite's write lock at once. A transaction that
        # starts by reading and writes later could be refused in the middle, without waiting.
        self._writing = self._engine.execution_options(optout_write=True)
        self._turns = Turns()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: commits on leaving, rolls back on an exception.

        Writers of this process take turns on SQLite, whose own waiting sleeps for up to 100 ms at a time.
        Raises LedgerUnavailable when it is not its turn in time, or the database cannot commit.
        """
        with _translated(), self._my_turn() if self._sqlite else nullcontext(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot; never waits for a writer on SQLite. Raises LedgerUnavailable."""
        with _translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    def exists(self) -> bool:
        """Whether there is a ledger with its tables; creates nothing. Raises LedgerUnavailable."""
        path = self._path()
        if path is not None and not path.exists():
            return False
        with self.read() as connection:
            return inspect(connection).has_table("activations")

    def upgrade(self) -> None:
        """Bring the tables to the newest migration, or create them; several processes may do so at once.

        A new SQLite file is readable by its owner only, since it holds personal data.
        Raises LedgerUnavailable, or ConfigError for a ledger of a newer version of the plugin.
        """
        from plugin.ledger.migrations import upgrade  # noqa: PLC0415 (Alembic costs 0.2 s that readers need not pay)

        path = self._path()
        if path is not None:
            _prepare(path)
        with self.write() as connection:
            if not self._sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
            upgrade(connection)

    def close(self) -> None:
        """Close the connections; a ledger that is used again opens new ones."""
        self._engine.dispose()

    def _path(self) -> Path | None:
        return Path(str(self._url.database)) if self._sqlite else None

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if self._turns.is_mine:
            raise RuntimeError("Ledger.write inside Ledger.write would wait for itself")
        if not self._turns.take(self._busy_seconds):
            raise LedgerUnavailable("the ledger's writers are waiting for each other too long")
        try:
            yield
        finally:
            self._turns.give_back()


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigError("ledger: the url cannot be read", hint=_URL_FORMS) from error
    if backend not in ("sqlite", "postgresql"):
        raise ConfigError(f"ledger: {backend} is not supported", hint=_URL_FORMS)
    if backend == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise ConfigError("ledger: a database in memory forgets its promises", hint="Write sqlite:///path/to/ledger.db")
    return parsed


def _engine(url: URL, busy_seconds: float) -> Engine:
    options: dict[str, Any] = dict(_POOL)
    if url.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": busy_seconds, "check_same_thread": False}
    else:
        options["pool_pre_ping"] = True
    try:
        # Parameters hold phones and names: they must not reach a log through an error's text.
        engine = create_engine(url, hide_parameters=True, json_serializer=_json, **options)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ConfigError(
            f"ledger: no driver for {url.drivername}", hint="Install the driver that the url names into this venv"
        ) from error
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # The driver's own transactions begin late and only for some statements; off, and BEGIN is ours.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    # Moving the log into the database costs the writer several fsyncs: after hundreds of events, not after dozens.
    connection.execute("PRAGMA wal_autocheckpoint=8000")


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("optout_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _prepare(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise LedgerUnavailable(f"the ledger cannot be opened: {error.strerror}: {path}") from error


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@contextmanager
def _translated() -> Iterator[None]:
    """What the sender of an event should try again later, as LedgerUnavailable; the rest is a fault and passes."""
    try:
        yield
    except PoolTimeout as error:
        raise LedgerUnavailable("the ledger's connections are all in use") from error
    except (OperationalError, InternalError, DriverInterfaceError) as error:
        raise LedgerUnavailable(f"the ledger cannot be used now: {error.orig}") from error
    except DBAPIError as error:
        # A damaged or foreign file; the subclasses of DatabaseError are faults of ours, such as a broken constraint.
        if type(error) is not DatabaseError:
            raise
        raise LedgerUnavailable(f"the ledger cannot be used now: {error.orig}") from error
