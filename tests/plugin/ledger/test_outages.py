"""A database that goes away, fills up or may only be read: told as such, and used again once it can be."""

from __future__ import annotations

import itertools
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, insert, select, text, update

from plugin.errors import LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.schema import revisions
from tests.support.databases import server_of_its_own
from tests.support.postgres import Databases, PostgresServer

pytestmark = pytest.mark.slow

MOMENT = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


def keep(ledger: Ledger, revision: str) -> None:
    with ledger.write() as connection:
        connection.execute(insert(revisions), {"revision": revision, "content": {}, "created_at": MOMENT})


def keep_on(ledger: Ledger) -> None:
    """Until something happens."""
    for number in itertools.count():
        keep(ledger, f"one-{number}")


def kept(ledger: Ledger) -> int:
    with ledger.read() as connection:
        return connection.execute(select(func.count()).select_from(revisions)).scalar_one()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of this module's own, which its tests end and start again."""
    with server_of_its_own() as server:
        yield server


@pytest.fixture(scope="module")
def databases(server: PostgresServer) -> Databases:
    return Databases(server.url)


@pytest.fixture
def own(databases: Databases) -> Iterator[Ledger]:
    """A ledger on it that has been used, so that its connections are there to be lost."""
    with databases.database() as url:
        ledger = Ledger(url, busy_seconds=0.3)
        keep(ledger, "before")
        assert kept(ledger) == 1
        yield ledger
        ledger.close()


# --- not there -------------------------------------------------------------------------------------


def test_without_the_driver_it_is_said_how_to_install_it(tmp_path: Path) -> None:
    code = "import sys; sys.modules['psycopg'] = None; from plugin.cli.main import main; sys.exit(main(sys.argv[1:]))"
    settings = (ROOT / "plugin.toml").read_text(encoding="utf-8")
    url = "postgresql://optout@db.example.org/optout"
    (tmp_path / "plugin.toml").write_text(settings.replace("sqlite:///optout.db", url), encoding="utf-8")
    command = [sys.executable, "-c", code, "--config", str(tmp_path), "db", "status"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert 'pip install "optout-plugin[postgres]"' in done.stderr


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGQUIT, signal.SIGINT])
def test_a_server_that_ended_is_unavailable_and_used_again_once_it_is_back(
    own: Ledger, server: PostgresServer, how: signal.Signals
) -> None:
    server.stop(how)
    for use in (kept, lambda ledger: keep(ledger, "lost")):
        with pytest.raises(LedgerUnavailable) as error:
            use(own)
        assert error.value.retry_after > 0
        assert "\n" not in error.value.message
    server.start()
    keep(own, "after")
    assert kept(own) == 2


def test_a_server_that_restarted_meanwhile_is_not_even_noticed(own: Ledger, server: PostgresServer) -> None:
    server.stop(signal.SIGKILL)
    server.start()
    keep(own, "after")
    assert kept(own) == 2


def test_a_transaction_whose_server_is_killed_leaves_nothing_behind(own: Ledger, server: PostgresServer) -> None:
    def break_off() -> None:
        with own.write() as connection:
            connection.execute(insert(revisions), {"revision": "half", "content": {}, "created_at": MOMENT})
            server.stop(signal.SIGKILL)
            connection.execute(insert(revisions), {"revision": "whole", "content": {}, "created_at": MOMENT})

    with pytest.raises(LedgerUnavailable):
        break_off()
    server.start()
    assert kept(own) == 1


def test_one_connection_that_is_ended_does_not_spoil_the_others(own: Ledger) -> None:
    with own.read() as connection:
        (mine,) = connection.execute(text("SELECT pg_backend_pid()")).one()

    def break_off() -> None:
        with own.write() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:mine)"), {"mine": mine})

    with pytest.raises(LedgerUnavailable):
        break_off()
    assert kept(own) == 1


# --- not for us ------------------------------------------------------------------------------------


def test_a_server_that_may_only_be_read_after_a_fail_over_is_left_for_one_that_can_be_written(
    own: Ledger, server: PostgresServer
) -> None:
    with _setting(server, "default_transaction_read_only", "on"):
        with own.read() as connection:
            assert connection.execute(text("SHOW default_transaction_read_only")).scalar_one() == "on"
        with pytest.raises(LedgerUnavailable):
            keep(own, "refused")
        # Its old connection has been given up, and a new one is made to nobody that only reads.
        with pytest.raises(LedgerUnavailable, match="session is read-only"):
            kept(own)
    keep(own, "after")
    assert kept(own) == 2


def test_a_server_without_a_free_connection_is_unavailable(own: Ledger, server: PostgresServer) -> None:
    taken = []
    own.close()
    try:
        with suppress(psycopg.OperationalError):
            while True:
                taken.append(psycopg.connect(server.url))
        with pytest.raises(LedgerUnavailable, match="too many clients"):
            kept(own)
    finally:
        for connection in taken:
            connection.close()
    assert kept(own) == 1


def test_a_row_that_somebody_holds_for_too_long_is_unavailable(own: Ledger) -> None:
    held = update(revisions).where(revisions.c.revision == "before").values(created_at=MOMENT)
    with own.write() as other:
        other.execute(held)
        with pytest.raises(LedgerUnavailable, match="lock timeout"), own.write() as connection:
            connection.execute(held)
    assert kept(own) == 1


def test_of_two_that_wait_for_each_other_one_goes_on_and_one_is_to_try_again(postgres_url: str) -> None:
    ledger = Ledger(postgres_url, busy_seconds=10)
    keep(ledger, "a")
    keep(ledger, "b")
    meet = threading.Barrier(2)
    ends: list[str] = []

    def work(order: tuple[str, str]) -> None:
        try:
            with ledger.write() as connection:
                for revision in order:
                    connection.execute(update(revisions).where(revisions.c.revision == revision).values(content={}))
                    if revision == order[0]:
                        meet.wait(20)
            ends.append("done")
        except LedgerUnavailable as error:
            ends.append(error.message)

    threads = [threading.Thread(target=work, args=(order,)) for order in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(ends) == ["done", "the ledger cannot be used now: deadlock detected"]
    ledger.close()


def test_tables_of_another_version_are_unavailable_and_told_as_such(own: Ledger) -> None:
    with own.write() as connection:
        connection.execute(text("ALTER TABLE revisions RENAME COLUMN files TO something"))
    with pytest.raises(LedgerUnavailable, match="optout db status"), own.read() as connection:
        connection.execute(select(revisions))


# --- what a session promises -----------------------------------------------------------------------


def test_a_commit_is_on_the_disk_and_a_transaction_that_was_left_open_ends_whatever_the_servers_defaults(
    own: Ledger, server: PostgresServer
) -> None:
    with (
        _setting(server, "synchronous_commit", "off"),
        _setting(server, "default_transaction_isolation", "serializable"),
    ):
        own.close()
        with own.write() as connection:
            shown = [
                connection.execute(text(f"SHOW {name}")).scalar_one()
                for name in ("synchronous_commit", "transaction_isolation", "lock_timeout")
            ]
            ends = connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
    assert shown == ["on", "read committed", "300ms"]
    assert ends == "30s"


@contextmanager
def _setting(server: PostgresServer, name: str, value: str) -> Iterator[None]:
    _change(server, f"ALTER SYSTEM SET {name} = {value}")
    try:
        yield
    finally:
        _change(server, f"ALTER SYSTEM RESET {name}")


def _change(server: PostgresServer, statement: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(statement.encode())
        connection.execute("SELECT pg_reload_conf()")
        name = statement.split()[3]
    # Every process takes it on by itself.
    wanted = statement.rsplit(maxsplit=1)[-1] if " SET " in statement else None
    for _ in range(500):
        with psycopg.connect(server.url, autocommit=True) as connection:
            shown = connection.execute(f"SHOW {name}".encode()).fetchone()
        if shown is not None and (shown[0] == wanted) == (wanted is not None):
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{statement}: not taken on")


# --- SQLite ----------------------------------------------------------------------------------------


def test_a_disk_that_is_full_is_unavailable_and_written_again_once_there_is_room(
    small_disk: Path, filled: Callable[[], Path]
) -> None:
    ledger = Ledger(f"sqlite:///{small_disk / 'ledger.db'}")
    ledger.upgrade()
    keep(ledger, "before")
    ballast = filled()
    with pytest.raises(LedgerUnavailable, match=r"full|disk I/O"):
        keep_on(ledger)
    room = kept(ledger)
    ballast.unlink()
    keep(ledger, "after")
    # What was acknowledged before it was full is there.
    assert kept(ledger) == room + 1 >= 2
    ledger.close()
    with sqlite3.connect(small_disk / "ledger.db") as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    raw.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount(8) here to make a small disk with")
    if done.returncode:
        pytest.skip(f"may not mount a small disk here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def filled(small_disk: Path) -> Callable[[], Path]:
    """Fills the disk with a file, and returns it."""

    def fill() -> Path:
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        return ballast

    return fill
