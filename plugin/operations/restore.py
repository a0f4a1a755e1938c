"""Puts a copy of the ledger in its place, so that nothing is written twice whatever is started afterwards.

The copy is marked first (``plugin.ledger.restores``), then takes the ledger's place in one transaction of SQLite; what
was there before is kept beside it. While any process has the ledger open, nothing is done.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from plugin.common.clock import Now
from plugin.errors import ConfigError, InputError, LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.restores import mark_restored
from plugin.ledger.sqlite_file import check, count_rows

#: Files that belong to a SQLite database.
_BESIDE = ("-wal", "-shm", "-journal")
_VALUES = "SELECT account, name, value, version FROM account_values WHERE value IS NOT NULL"
_TAKE_OVER = """
    INSERT INTO account_values (account, name, value, version) VALUES (?, ?, ?, ?)
    ON CONFLICT (account, name) DO UPDATE SET value = excluded.value, version = excluded.version,
        owner = NULL, lease_until = NULL WHERE excluded.version > account_values.version
"""


@dataclass(frozen=True, slots=True)
class CopyContents:
    """What a copy holds: calls, deliveries that are to be looked for, and when it had last heard of a call."""

    calls: int
    open_deliveries: int
    last_event: datetime | None


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done. ``aside``: where the ledger of before is kept; None where there was none.

    ``tokens``: the accounts whose renewed tokens are kept in the ledger; they were ``taken_over`` from the ledger of
    before, or else the copy's are used, which the CRM may not take any more.
    """

    looked_for: int
    aside: Path | None
    tokens: Sequence[str] = ()
    taken_over: bool = False


def contents_of(copy: Path) -> CopyContents:
    """What the copy holds. Raises InputError for what is no whole copy of a ledger."""
    if not copy.is_file():
        raise InputError(f"{copy}: такого файла нет", hint="Копии делает optout backup")
    if any(beside.exists() and beside.stat().st_size for beside in _beside(copy)):
        raise InputError(
            f"{copy}: рядом лежит его журнал (-wal)", hint="Копию, которую можно вернуть, делает optout backup"
        )
    try:
        check(copy)
        calls, last = count_rows(copy, "calls"), _value(copy, "SELECT max(received_at) FROM events")
        states = "('pending', 'leased', 'unknown', 'waiting')"
        waiting = _value(copy, f"SELECT count(*) FROM deliveries WHERE state IN {states}")
    except (LedgerUnavailable, sqlite3.Error) as error:
        why = error.message if isinstance(error, LedgerUnavailable) else str(error)
        raise InputError(f"{copy}: не копия журнала ({why})", hint="Копии делает optout backup") from error
    return CopyContents(calls, int(str(waiting)), datetime.fromisoformat(f"{last}+00:00") if last else None)


def restore(copy: Path, ledger: Path, now: Now) -> Restored:
    """Put the copy in the ledger's place.

    Raises InputError while the ledger is in use, ConfigError, LedgerUnavailable.
    """
    contents_of(copy)
    half = ledger.with_name(f".{ledger.name}.restoring")
    _remove(half)
    try:
        with _disk_errors(ledger):
            ledger.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            shutil.copyfile(copy, half)
        count = _marked(half, now)
        aside = _free_name(ledger, now())
        if not ledger.exists():
            return _moved_in(half, ledger, count, aside)
        with _alone(ledger) as old:
            if old is None:
                return _moved_in(half, ledger, count, aside)
            return _written_over(half, old, count, aside)
    finally:
        _remove(half)


def mark(ledger: Ledger, now: Now) -> Restored:
    """The same for a ledger that was put back by other means, such as ``pg_restore``. Raises LedgerUnavailable."""
    with ledger.write(alone=True) as connection:
        count = mark_restored(connection, ledger.moment(connection, now))
        rows = connection.exec_driver_sql(_VALUES).all()
    return Restored(count, None, sorted({row[0] for row in rows}))


# --- details ---------------------------------------------------------------------------------------


def _marked(half: Path, now: Now) -> int:
    with closing(Ledger(f"sqlite:///{half}")) as ledger:
        ledger.upgrade()
        with ledger.write() as connection:
            return mark_restored(connection, now())


@contextmanager
def _alone(ledger: Path) -> Iterator[sqlite3.Connection | None]:
    """The ledger, which no other process has open or can open meanwhile; None where it is no database any more."""
    with closing(sqlite3.connect(ledger, timeout=0, isolation_level=None)) as old:
        try:
            old.execute("PRAGMA locking_mode=EXCLUSIVE")
            # SQLite gives the write-ahead log up only to the last one who has the file open.
            old.execute("PRAGMA journal_mode=DELETE")
            old.execute("BEGIN EXCLUSIVE")
            old.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                hint = "Остановите все процессы: optout serve, web и deliver"
                raise InputError(f"{ledger}: журнал сейчас открыт другим процессом", hint=hint) from error
            raise LedgerUnavailable(f"the ledger cannot be opened: {error}: {ledger}") from error
        except sqlite3.DatabaseError:
            yield None
        else:
            yield old


def _written_over(half: Path, old: sqlite3.Connection, count: int, aside: Path) -> Restored:
    with closing(sqlite3.connect(half)) as new:
        try:
            with closing(_new_file(aside)) as kept:
                old.backup(kept)
            newer = old.execute(_VALUES).fetchall()
            with new:
                new.executemany(_TAKE_OVER, newer)
            readable = True
        except sqlite3.DatabaseError:
            # Damaged within; what can be read of it is kept all the same.
            readable = False
        tokens = sorted({account for (account, *_) in new.execute(_VALUES)})
        new.backup(old)
    return Restored(count, aside, tokens, taken_over=readable)


def _moved_in(half: Path, ledger: Path, count: int, aside: Path) -> Restored:
    """By renaming; what lies in the ledger's place, its log too, is moved aside first."""
    with closing(sqlite3.connect(half)) as new:
        tokens = sorted({account for (account, *_) in new.execute(_VALUES)})
    there = ledger.exists()
    with _disk_errors(ledger):
        for old, kept in zip((ledger, *_beside(ledger)), (aside, *_beside(aside)), strict=True):
            with suppress(FileNotFoundError):
                old.rename(kept)
        half.rename(ledger)
    return Restored(count, aside if there else None, tokens)


def _free_name(ledger: Path, now: datetime) -> Path:
    """Where the ledger of before is kept."""
    first = ledger.with_name(f"{ledger.name}.{now:%Y%m%d-%H%M%S}")
    more = (first.with_name(f"{first.name}-{number}") for number in itertools.count(2))
    return next(name for name in itertools.chain([first], more) if not name.exists())


def _new_file(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return sqlite3.connect(path)


def _value(path: Path, question: str) -> Any:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        return connection.execute(question).fetchone()[0]


def _beside(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in _BESIDE]


def _remove(path: Path) -> None:
    for one in (path, *_beside(path)):
        one.unlink(missing_ok=True)


@contextmanager
def _disk_errors(ledger: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"{ledger}: не записать ({error.strerror})"
        raise ConfigError(what, hint="Проверьте папку, права и место на диске") from error
