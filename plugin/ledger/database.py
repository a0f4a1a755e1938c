"""The ledger's database: one committed transaction at a time for writers, snapshots for readers.

SQLite on one machine (WAL, every commit on the disk before ``write`` returns) or PostgreSQL for any number of them;
whatever keeps it from committing now is ``LedgerUnavailable``, and nothing of the transaction is left behind.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from plugin.common.clock import Now
from plugin.common.fair_lock import FairLock
from plugin.errors import ConfigError, LedgerUnavailable
from plugin.ledger.engines import parsed, postgresql_engine, sqlite_engine
from plugin.ledger.faults import translated
from plugin.ledger.versions import HEAD, SchemaState, schema_state

#: How long a writer waits for its turn, in seconds: senders give up after 10 to 30 s, and should hear 503 before.
BUSY_SECONDS = 5.0
#: How long one process waits for another that is upgrading the same SQLite file, in seconds.
_UPGRADE_SECONDS = 300.0
#: Key of the advisory lock that serialises exclusive transactions on PostgreSQL: any constant not used elsewhere.
_ALONE_LOCK = 0x6F70746F7574
_ALONE = text("SELECT pg_advisory_xact_lock(:key)").bindparams(key=_ALONE_LOCK)
_SERVER_TIME = text("SELECT clock_timestamp()")


class Ledger:
    """The ledger at ``url``. Thread-safe; nothing is opened before the first use.

    A statement keeps its compiled form between uses when it is built once, at module level, with ``bindparam``.
    ``clock`` stands in for the server's own, so that its time can be moved.
    Raises ConfigError for a url that names no usable database.
    """

    def __init__(self, url: str, *, busy_seconds: float = BUSY_SECONDS, clock: Now | None = None) -> None:
        self._url = parsed(url)
        self._busy_seconds = busy_seconds
        self._clock = clock
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = (sqlite_engine if self._sqlite else postgresql_engine)(self._url, busy_seconds)
        # The same pool; on SQLite the option tells the "begin" event to take the write lock at once. A transaction
        # that starts by reading and writes later could be refused in the middle, without waiting.
        self._writing = self._engine.execution_options(optout_write=True)
        # On PostgreSQL each statement would see a moment of its own: right for a writer that has waited for a row, but
        # not for a reader.
        snapshot = {} if self._sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reading = self._engine.execution_options(**snapshot)
        self._turns = FairLock()
        #: How often it was not available to this process.
        self.failures = 0

    @property
    def is_shared(self) -> bool:
        """Whether processes on several machines may use it: a database server."""
        return not self._sqlite

    @property
    def kind(self) -> str:
        """The database by its name."""
        return "SQLite" if self._sqlite else "PostgreSQL"

    @contextmanager
    def write(self, *, alone: bool = False) -> Iterator[Connection]:
        """One transaction: commits on leaving, rolls back on an exception.

        ``alone``: begins after every other such transaction, of any process, has ended; on SQLite each of them does.
        Writers of this process take turns on SQLite, whose own waiting sleeps for up to 100 ms at a time.
        Raises LedgerUnavailable when it is not its turn in time, or the database cannot commit.
        """
        with self._watched(), self._my_turn() if self._sqlite else nullcontext(), self._writing.begin() as connection:
            if alone and not self._sqlite:
                connection.execute(_ALONE)
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot; never waits for a writer. Raises LedgerUnavailable."""
        with self._watched(), self._reading.connect() as connection, connection.begin():
            yield connection

    def moment(self, connection: Connection, now: Now) -> datetime:
        """The time that processes agree on, whatever their own clocks say: leases and quotas are measured by it.

        The server's on PostgreSQL. On SQLite all processes are on one machine, and ``now`` tells it.
        """
        if self._clock is not None:
            return self._clock()
        if self._sqlite:
            return now()
        moment: datetime = connection.execute(_SERVER_TIME).scalar_one()
        return moment.astimezone(UTC)

    def exists(self) -> bool:
        """Whether there is a ledger with its tables; creates nothing. Raises LedgerUnavailable."""
        path = self._path()
        if path is not None and not path.exists():
            return False
        with self.read() as connection:
            return inspect(connection).has_table("activations")

    def close(self) -> None:
        """Close the connections; a ledger that is used again opens new ones."""
        self._engine.dispose()

    # --- versions of the tables ------------------------------------------------------------------

    def schema(self) -> SchemaState:
        """Which migrations it has had and which it lacks; creates nothing. Raises LedgerUnavailable."""
        path = self._path()
        if path is not None and not path.exists():
            return SchemaState(None)
        with self.read() as connection:
            return schema_state(connection)

    def make_ready(self, command: str = "optout db upgrade") -> None:
        """See to it that the tables are this version's, before serving.

        A SQLite file is upgraded, or made. On PostgreSQL other processes may be at work on the old tables, so
        that an administrator says when: an old schema is refused, naming ``command``.
        Raises ConfigError, LedgerUnavailable.
        """
        if self._sqlite:
            self.upgrade()
            return
        state = self.schema()
        state.refuse_unknown()
        if state.pending:
            what = f"has the tables of version {state.current}" if state.current else "is empty"
            raise ConfigError(f"ledger: the database {what}, this is version {HEAD}", hint=f"Run: {command}")

    def upgrade(self) -> SchemaState:
        """Bring the tables to the newest migration, or create them; how they were before.

        Several processes may do so at once: one does, the others wait for it. A new SQLite file is readable by its
        owner only, since it holds personal data.
        Raises LedgerUnavailable, or ConfigError for a ledger of a newer version of the plugin.
        """
        path = self._path()
        if path is not None:
            _prepare(path)
        before = self.schema()
        before.refuse_unknown()
        if not before.pending:
            return before
        from plugin.ledger.migrations import upgrade  # noqa: PLC0415 (Alembic costs 0.2 s that others need not pay)

        with self._upgrading() as connection:
            if not self._sqlite:
                # Another process that is upgrading may take its time.
                connection.execute(text("SET LOCAL lock_timeout = 0"))
                connection.execute(_ALONE)
                _check_encoding(connection)
            before = schema_state(connection)
            upgrade(connection)
        return before

    # --- details ---------------------------------------------------------------------------------

    @contextmanager
    def _upgrading(self) -> Iterator[Connection]:
        """As ``write``, but waits as long as another process's upgrade takes."""
        if not self._sqlite:
            with self.write() as connection:
                yield connection
            return
        patient = sqlite_engine(self._url, _UPGRADE_SECONDS)
        try:
            with self._watched(), patient.execution_options(optout_write=True).begin() as connection:
                yield connection
        finally:
            patient.dispose()

    def _path(self) -> Path | None:
        return Path(str(self._url.database)) if self._sqlite else None

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            with translated():
                yield
        except LedgerUnavailable:
            self.failures += 1
            raise

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


def _prepare(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except PermissionError as error:
        hint = f"Let this user own it, such as: sudo chown -R {os.geteuid()} {path.parent}"
        raise ConfigError(f"ledger: {path} cannot be written by this user", hint=hint) from error
    except OSError as error:
        raise LedgerUnavailable(f"the ledger cannot be opened: {error.strerror}: {path}") from error


def _check_encoding(connection: Connection) -> None:
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        hint = "Create it with: createdb --encoding=UTF8 --template=template0 NAME"
        raise ConfigError(f"ledger: the database's encoding is {encoding}, not UTF8", hint=hint)
