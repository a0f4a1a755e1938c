"""A ledger that cannot commit says so and keeps nothing; one that can has it on the disk."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError

from plugin.errors import ConfigError, LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.schema import events, revisions

MOMENT = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)
COUNT = select(func.count()).select_from(revisions)


def keep(ledger: Ledger, revision: str) -> None:
    with ledger.write() as connection:
        connection.execute(insert(revisions), {"revision": revision, "content": {}, "created_at": MOMENT})


def keep_25(ledger: Ledger, prefix: str) -> None:
    for number in range(25):
        keep(ledger, f"{prefix}-{number}")


def kept(ledger: Ledger) -> int:
    with ledger.read() as connection:
        return connection.execute(COUNT).scalar_one()


# --- what is wrong with the url --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ledger.db", "cannot be read"),
        ("nosuch://host/ledger", "not supported"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("postgresql+psycopg2://host/ledger", "driver psycopg2 is not supported"),
    ],
)
def test_an_unusable_url_is_a_configuration_error(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Ledger(url)


def test_a_password_in_the_url_is_not_repeated_in_the_error() -> None:
    with pytest.raises(ConfigError) as error:
        Ledger("nosuch://user:hunter2@host/ledger")
    assert "hunter2" not in str(error.value)


# --- when it cannot commit -------------------------------------------------------------------------


def test_a_lock_held_by_another_process_ends_in_unavailable(ledger: Ledger, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(LedgerUnavailable, match="locked") as error:
            keep(ledger, "a")
        assert error.value.retry_after > 0
    finally:
        other.execute("ROLLBACK")
        other.close()
    keep(ledger, "a")
    assert kept(ledger) == 1


def test_reading_goes_on_while_another_process_writes(ledger: Ledger, tmp_path: Path) -> None:
    keep(ledger, "a")
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM revisions")
    try:
        assert kept(ledger) == 1
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_a_writer_that_does_not_get_its_turn_in_this_process_is_unavailable(ledger: Ledger) -> None:
    outcome: list[BaseException] = []

    def other() -> None:
        try:
            keep(ledger, "other")
        except LedgerUnavailable as error:
            outcome.append(error)

    with ledger.write():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(10)
    assert [type(error) for error in outcome] == [LedgerUnavailable]
    assert kept(ledger) == 0


def test_a_full_disk_ends_in_unavailable_and_nothing_is_kept(ledger: Ledger) -> None:
    def fill() -> None:
        with ledger.write() as connection:
            # SQLite's own quota answers exactly as a full disk does.
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            for number in range(100):
                row = {"revision": str(number), "content": {"text": "x" * 4000}, "created_at": MOMENT}
                connection.execute(insert(revisions), row)

    with pytest.raises(LedgerUnavailable, match="full"):
        fill()
    assert kept(ledger) == 0


def test_a_file_that_is_no_ledger_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("These are notes, and not a database at all. " * 100)
    ledger = Ledger(f"sqlite:///{tmp_path / 'notes.txt'}")
    with pytest.raises(LedgerUnavailable, match="not a database"):
        ledger.upgrade()
    ledger.close()


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerUnavailable, match="cannot be opened"):
        Ledger(f"sqlite:///{tmp_path / 'file' / 'ledger.db'}").upgrade()


def test_a_ledger_without_its_tables_is_unavailable(url: str) -> None:
    ledger = Ledger(url)
    with pytest.raises(LedgerUnavailable, match="no such table"):
        kept(ledger)
    ledger.close()


def test_a_broken_constraint_is_a_fault_and_not_a_reason_to_try_again(either: Ledger) -> None:
    keep(either, "a")
    with pytest.raises(IntegrityError):
        keep(either, "a")


def test_an_error_does_not_quote_what_was_being_written(either: Ledger) -> None:
    row = {"revision": "a", "content": {"phone": "+79161234567"}, "created_at": MOMENT}
    with pytest.raises(IntegrityError) as error, either.write() as connection:
        connection.execute(insert(revisions), [row, row])
    assert "9161234567" not in str(error.value)


def test_a_foreign_key_that_leads_nowhere_is_refused(either: Ledger) -> None:
    row = {
        "source": "s",
        "event_id": "e",
        "digest": "d",
        "received_at": MOMENT,
        "call_ref": 7,
        "final": True,
        "answer": {},
    }
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"), either.write() as connection:
        connection.execute(insert(events), row)


def test_writing_inside_writing_is_a_fault_that_is_told_at_once(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError, match="wait for itself"), ledger.write(), ledger.write():
        pass
    keep(ledger, "a")


# --- transactions ----------------------------------------------------------------------------------


def test_an_exception_takes_everything_back(either: Ledger) -> None:
    def break_off() -> None:
        with either.write() as connection:
            connection.execute(insert(revisions), {"revision": "a", "content": {}, "created_at": MOMENT})
            connection.execute(insert(revisions), {"revision": "b", "content": {}, "created_at": MOMENT})
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert kept(either) == 0


def test_a_reader_sees_one_moment_of_the_ledger(either: Ledger) -> None:
    with either.read() as connection:
        before = connection.execute(COUNT).scalar_one()
        keep(either, "a")
        assert connection.execute(COUNT).scalar_one() == before
    assert kept(either) == 1


def test_a_writer_sees_what_was_committed_before_it_began(either: Ledger) -> None:
    # A deferred transaction would have taken its snapshot with the first read, and be refused when it writes.
    read, go_on = threading.Event(), threading.Event()
    seen: list[int] = []

    def first() -> None:
        with either.write() as connection:
            seen.append(connection.execute(COUNT).scalar_one())
            read.set()
            go_on.wait(10)
            connection.execute(insert(revisions), {"revision": "a", "content": {}, "created_at": MOMENT})

    def second() -> None:
        with either.write() as connection:
            seen.append(connection.execute(COUNT).scalar_one())

    unhurried = [threading.Thread(target=first), threading.Thread(target=second)]
    unhurried[0].start()
    read.wait(10)
    go_on.set()
    unhurried[1].start()
    for thread in unhurried:
        thread.join(10)
    assert seen == [0, 1]


def test_eight_writers_at_once_lose_nothing(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    run_together([partial(keep_25, ledger, str(n)) for n in range(8)])
    assert kept(ledger) == 200
    ledger.close()


def test_two_ledgers_on_one_database_lose_nothing_to_each_other(ledger_url: str) -> None:
    # Each has its own turn-taking, as two processes do; between them SQLite's own waiting decides.
    ledgers = [Ledger(ledger_url), Ledger(ledger_url)]
    run_together([partial(keep_25, ledgers[n % 2], str(n)) for n in range(4)])
    assert kept(ledgers[1]) == 100
    for ledger in ledgers:
        ledger.close()


def run_together(jobs: list[Callable[[], None]]) -> None:
    failures: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


# --- how the database is set up --------------------------------------------------------------------


def test_every_connection_is_durable_and_checks_references(ledger: Ledger) -> None:
    with ledger.write() as one, ledger.read() as two:
        for connection in (one, two):
            settings = [
                connection.execute(text(f"PRAGMA {name}")).scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
            assert settings == ["wal", 2, 1]


def test_the_file_is_for_its_owner_only(ledger: Ledger, tmp_path: Path) -> None:
    keep(ledger, "a")
    modes = {path.name: stat.S_IMODE(os.stat(path).st_mode) for path in tmp_path.iterdir()}
    assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}


def test_missing_folders_are_made(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'a' / 'b' / 'ledger.db'}")
    ledger.upgrade()
    assert kept(ledger) == 0
    ledger.close()


def test_asking_whether_a_ledger_exists_makes_none(url: str, tmp_path: Path) -> None:
    ledger = Ledger(url)
    assert not ledger.exists()
    assert list(tmp_path.iterdir()) == []
    ledger.upgrade()
    assert ledger.exists()
    ledger.close()


def test_an_empty_file_is_no_ledger_yet(url: str, tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch()
    ledger = Ledger(url)
    assert not ledger.exists()
    ledger.close()


def test_text_is_kept_readable_and_times_in_utc(ledger: Ledger, tmp_path: Path) -> None:
    local = MOMENT.astimezone(timezone(timedelta(hours=3)))
    with ledger.write() as connection:
        row = {"revision": "a", "content": {"текст": "Спасибо"}, "created_at": local}
        connection.execute(insert(revisions), row)
    with sqlite3.connect(tmp_path / "ledger.db") as raw:
        stored = raw.execute("SELECT content, created_at FROM revisions").fetchone()
    raw.close()
    assert stored == ('{"текст":"Спасибо"}', "2026-11-22 07:15:00.000000")
    with ledger.read() as connection:
        assert connection.execute(select(revisions.c.created_at)).scalar_one() == MOMENT


def test_a_json_column_left_empty_is_null_for_the_database(either: Ledger) -> None:
    row = {"source": "s", "event_id": "e", "digest": "d", "received_at": MOMENT, "final": True, "answer": {}}
    with either.write() as connection:
        connection.execute(insert(events), row | {"facts": None})
        assert connection.execute(select(events.c.id).where(events.c.facts.is_(None))).all() == [(1,)]
