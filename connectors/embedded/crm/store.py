"""The CRM's SQLite file: its tables, and one connection on which all reads and writes take turns."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from connectors.embedded.crm.records import add_phone
from connectors.kit.names import name_key

#: Marks the file as ours, so that another program's database is never written into ("OCRM").
_APPLICATION_ID = 0x4F43524D
_VERSION = 4

_TABLES = """
CREATE TABLE users (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT);
CREATE TABLE cards (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, name_key TEXT NOT NULL, created_at TEXT NOT NULL,
    fields TEXT NOT NULL DEFAULT '{}');
CREATE INDEX ix_cards_name_key ON cards (name_key);
CREATE TABLE phones (
    id INTEGER PRIMARY KEY, card INTEGER NOT NULL REFERENCES cards, written TEXT NOT NULL, normal TEXT NOT NULL);
CREATE INDEX ix_phones_normal ON phones (normal);
CREATE INDEX ix_phones_card ON phones (card);
CREATE TABLE comments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, card INTEGER NOT NULL REFERENCES cards, text TEXT NOT NULL,
    external_key TEXT, created_at TEXT NOT NULL);
CREATE INDEX ix_comments_card ON comments (card, id);
CREATE INDEX ix_comments_key ON comments (external_key);
CREATE TABLE reminders (
    id INTEGER PRIMARY KEY AUTOINCREMENT, card INTEGER NOT NULL REFERENCES cards,
    assignee TEXT NOT NULL REFERENCES users, subject TEXT NOT NULL, text TEXT NOT NULL, due TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'withdrawn')),
    reason TEXT, withdrawal_key TEXT, external_key TEXT,
    created_at TEXT NOT NULL, closed_at TEXT);
CREATE INDEX ix_reminders_card ON reminders (card, id);
CREATE INDEX ix_reminders_key ON reminders (external_key);
CREATE TABLE mails (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT REFERENCES users, address TEXT NOT NULL, subject TEXT NOT NULL,
    text TEXT NOT NULL, external_key TEXT, reminder INTEGER REFERENCES reminders, message_id TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed')), why TEXT,
    attempts INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL DEFAULT 0, created_at TEXT NOT NULL);
CREATE INDEX ix_mails_key ON mails (external_key);
CREATE INDEX ix_mails_queued ON mails (next_at) WHERE state = 'queued';
CREATE TABLE calls (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, phone TEXT NOT NULL,
    card INTEGER REFERENCES cards, operator TEXT, facts TEXT NOT NULL, occurred_at TEXT NOT NULL,
    final INTEGER NOT NULL, note TEXT, script TEXT, ruleset TEXT, revision INTEGER NOT NULL, created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL DEFAULT '');
CREATE INDEX ix_calls_changed ON calls (changed_at);
CREATE TABLE webhooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, call TEXT NOT NULL REFERENCES calls (id), event TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'delivered', 'failed')),
    status INTEGER, why TEXT, attempts INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL DEFAULT 0);
CREATE INDEX ix_webhooks_call ON webhooks (call, id);
CREATE INDEX ix_webhooks_queued ON webhooks (next_at) WHERE state = 'queued';
"""


class StoreUnusable(Exception):
    """The file cannot be used as the CRM's database; the message is one line."""


def _make_private(path: Path) -> None:
    """Make the file if it is not there, readable by its owner alone; SQLite's other files get its mode.

    What cannot be done is told by opening the database.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        # Whatever the umask has taken away.
        os.chmod(path, 0o600)


class CrmStore:
    """The open file. Held by one process at a time; what a transaction has written survives a power cut."""

    def __init__(self, path: Path) -> None:
        """Open or create it. Raises StoreUnusable."""
        self._lock = threading.RLock()
        _make_private(path)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.5)
        except sqlite3.Error as error:
            raise StoreUnusable(f"cannot open {path}: {error}") from None
        try:
            self._prepare(path)
        except sqlite3.Error as error:
            self._db.close()
            why = "another process uses it" if "locked" in str(error) else str(error)
            raise StoreUnusable(f"cannot use {path}: {why}") from None
        except StoreUnusable:
            self._db.close()
            raise
        for file in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
            # One of an earlier version, which left the mode to the umask.
            with suppress(OSError):
                os.chmod(file, 0o600)

    def _prepare(self, path: Path) -> None:
        self._db.row_factory = sqlite3.Row
        # Exclusive, and kept from the first lock on: two CRMs on one file would send every mail twice.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        owner = self._db.execute("PRAGMA application_id").fetchone()[0]
        in_use = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if in_use and (owner != _APPLICATION_ID or version not in range(1, _VERSION + 1)):
            raise StoreUnusable(f"{path} is another program's database, or another version's")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        with self.transaction() as db:
            if not in_use:
                for statement in _TABLES.split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            if in_use and version < 2:
                _find_anew(db)
            if in_use and version < 3:
                _date_changes(db)
            if in_use and version < 4:
                db.execute("ALTER TABLE cards ADD COLUMN fields TEXT NOT NULL DEFAULT '{}'")
            db.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; committed on leaving, rolled back on an exception."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection for as long as the block takes."""
        with self._lock:
            yield self._db

    def close(self) -> None:
        with self._lock:
            self._db.close()


def _find_anew(db: sqlite3.Connection) -> None:
    """Version 1 read a phone field as one number, and a name's parts in one order only."""
    for card in db.execute("SELECT id, name FROM cards").fetchall():
        db.execute("UPDATE cards SET name_key = ? WHERE id = ?", (name_key(card["name"]), card["id"]))
    phones = db.execute("SELECT card, written FROM phones ORDER BY id").fetchall()
    db.execute("DELETE FROM phones")
    for phone in phones:
        add_phone(db, phone["card"], phone["written"])


def _date_changes(db: sqlite3.Connection) -> None:
    """Version 2 did not keep when a call was changed: no earlier than it was made."""
    db.execute("ALTER TABLE calls ADD COLUMN changed_at TEXT NOT NULL DEFAULT ''")
    db.execute("UPDATE calls SET changed_at = created_at")
    db.execute("CREATE INDEX ix_calls_changed ON calls (changed_at)")
