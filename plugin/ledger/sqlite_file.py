"""What only a ledger in a SQLite file needs: copying it while it is in use, and leaving nothing of what was removed."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from plugin.errors import ConfigError, LedgerUnavailable
from plugin.ledger.engines import answers_write_ahead

#: How long to wait for another process's lock on the file, in seconds.
_PATIENCE = 10.0


def sqlite_path(url: str) -> Path | None:
    """The file of a ledger's url, None for a database server."""
    parsed = make_url(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def takes_write_ahead_log(folder: Path) -> bool:
    """Whether SQLite can keep its write-ahead log in this folder: network file systems share no memory.

    Tried with a file that is removed again. Raises OSError where the folder cannot be written to.
    """
    with tempfile.TemporaryDirectory(prefix=".optout-", dir=folder) as tried:
        try:
            with closing(sqlite3.connect(Path(tried, "try.db"))) as connection:
                return answers_write_ahead(connection)
        except sqlite3.Error:
            return False


def copy_to(source: Path, target: Path) -> None:
    """Write a consistent copy of the ledger as it is now, while others go on reading and writing it.

    The copy is compact: it holds nothing of what was removed before. It appears under its name only once it is whole,
    checked and on the disk, readable by its owner only. Raises ConfigError where ``target`` is taken or cannot be
    written, LedgerUnavailable where the source cannot be read or the copy is not sound.
    """
    half = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            _write_copy(source, half)
            check(half)
            _to_disk(half)
            _name(half, target)
            _to_disk(target.parent)
        finally:
            for left in (half, half.with_name(half.name + "-journal")):
                left.unlink(missing_ok=True)
    except FileExistsError as error:
        hint = "Назовите файл, которого ещё нет: копия ничего не перезаписывает"
        raise ConfigError(f"{target}: такой файл уже есть", hint=hint) from error
    except OSError as error:
        raise ConfigError(
            f"{target}: не записать ({error.strerror})", hint="Проверьте папку и место на диске"
        ) from error


def check(path: Path) -> None:
    """Raises LedgerUnavailable where the file is damaged, or a row in it refers to one that is not there."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            (said, *_) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.Error as error:
        raise LedgerUnavailable(f"{path}: the file cannot be read: {error}") from error
    if said != "ok" or broken is not None:
        raise LedgerUnavailable(f"{path}: the file is damaged: {said if said != 'ok' else broken[0]}")


def count_rows(path: Path, table: str) -> int:
    """How many rows a table of the file has."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        (count,) = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()
    return int(count)


def wipe_what_is_removed(connection: Connection) -> None:
    """From now on, what this connection removes is overwritten in the file. Does nothing on a database server."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")


def empty_log(path: Path) -> bool:
    """Move the write-ahead log into the file and empty it: it still holds what was there before. Whether it could be.

    Readers that are at it keep it from being emptied; it is when the last process closes the ledger.
    """
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=_PATIENCE)) as connection:
        (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy
    return False


def _write_copy(source: Path, half: Path) -> None:
    try:
        with closing(sqlite3.connect(source, timeout=_PATIENCE, isolation_level=None)) as connection:
            # Reads one snapshot; writers go on beside it.
            connection.execute("VACUUM INTO ?", (str(half),))
    except sqlite3.Error as error:
        raise LedgerUnavailable(f"the ledger cannot be copied: {error}") from error


def _name(half: Path, target: Path) -> None:
    """Give the copy its name. Raises FileExistsError where a file of that name exists by now."""
    try:
        os.link(half, target)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links; a mere rename would overwrite.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        half.replace(target)


def _to_disk(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
