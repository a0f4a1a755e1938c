"""A copy of the ledger is whole, its owner's only, and never in the place of anything else."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from plugin.cli.main import main
from plugin.errors import LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.sqlite_file import check
from tests.plugin.operations.harness import Firm


def left(folder: Path) -> list[str]:
    """What a broken-off copy would leave behind."""
    return [path.name for path in folder.iterdir() if path.name.startswith(".copy")]


def test_nothing_is_overwritten(firm: Firm) -> None:
    firm.report("c-1")
    copy = firm.folder / "copy.db"
    copy.write_text("something else")
    assert "такой файл уже есть" in firm.refused("backup", str(copy))
    assert copy.read_text() == "something else"
    assert left(firm.folder) == []


def test_a_folder_that_is_not_there_is_told(firm: Firm) -> None:
    assert "не записать" in firm.refused("backup", str(firm.folder / "nowhere" / "copy.db"))


def test_a_damaged_ledger_gives_no_copy(firm: Firm) -> None:
    for number in range(20):
        firm.report(f"c-{number}")
    firm.ledger.close()
    path = firm.folder / "ledger.db"
    content = bytearray(path.read_bytes())
    for place in range(8 * 4096, len(content), 4096):
        content[place : place + 64] = b"\xff" * 64
    path.write_bytes(bytes(content))
    status, out, err = firm.run("backup", str(firm.folder / "copy.db"))
    assert (status, out) == (1, "")
    assert "ledger" in err
    assert not (firm.folder / "copy.db").exists()
    assert left(firm.folder) == []


def test_a_row_that_refers_to_nothing_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE a (id PRIMARY KEY); CREATE TABLE b (a REFERENCES a); INSERT INTO b VALUES (1)"
        )
    connection.close()
    with pytest.raises(LedgerUnavailable, match="damaged: b"):
        check(path)


def test_for_postgresql_the_command_is_named_without_its_password(firm: Firm) -> None:
    firm.url = "postgresql+psycopg://optout@db.example/ledger?sslmode=require"
    firm.configure()
    said = firm.refused("backup", "/backups/today.dump")
    command = (
        "pg_dump --format=custom --file=/backups/today.dump 'postgresql://optout@db.example/ledger?sslmode=require'"
    )
    assert command in said


def test_the_copy_is_a_ledger_that_only_its_owner_reads(firm: Firm) -> None:
    firm.report("c-1")
    out = firm.out("backup", str(firm.folder / "copy.db"))
    assert "звонков: 1, доставок: 3" in out
    copy = firm.folder / "copy.db"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert left(firm.folder) == []
    restored = Ledger(f"sqlite:///{copy}")
    assert not restored.schema().pending
    with restored.read() as connection:
        assert connection.execute(text("SELECT call_id FROM calls")).scalars().all() == ["c-1"]
    restored.close()


def test_a_copy_made_while_calls_come_in_is_one_consistent_moment(firm: Firm) -> None:
    stop, taken = threading.Event(), []

    def report() -> None:
        while not stop.is_set():
            taken.append(firm.report(f"c-{len(taken)}"))

    writer = threading.Thread(target=report)
    writer.start()
    try:
        while len(taken) < 5:
            stop.wait(0.01)
        for number in range(3):
            # Not firm.out: what the writing thread logs stands among what the command prints.
            assert main(["--config", str(firm.folder), "backup", str(firm.folder / f"copy-{number}.db")]) == 0
    finally:
        stop.set()
        writer.join()
    for number in range(3):
        with sqlite3.connect(firm.folder / f"copy-{number}.db") as connection:
            calls, deliveries, events = (
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("calls", "deliveries", "events")
            )
        connection.close()
        assert calls >= 5
        assert (deliveries, events) == (3 * calls, calls)
    assert len(taken) > 5
