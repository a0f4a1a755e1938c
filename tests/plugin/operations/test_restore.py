"""A copy of the ledger put back: never beside a running process, and what is older is looked for before it is sent."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from plugin.ledger import Ledger
from plugin.ledger.connected import account_values
from plugin.ledger.schema import deliveries
from tests.plugin.operations.harness import Firm

CALLS = {"related_to_car": True, "survey_type": "calls"}
CHANGED_MIND = {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "changed_mind"}


def copied(firm: Firm) -> Path:
    copy = firm.folder / "copy.db"
    firm.out("backup", str(copy))
    return copy


def restored(firm: Firm, copy: Path) -> str:
    firm.ledger.close()
    return firm.out("restore", str(copy), "--yes")


def asides(firm: Firm) -> list[Path]:
    return sorted(firm.folder.glob("ledger.db.2*"))


def keep_token(url: str, value: str, version: int) -> None:
    with closing(Ledger(url)) as ledger, ledger.write() as connection:
        row = {"account": "amocrm", "name": "refresh_token", "value": value, "version": version}
        connection.execute(account_values.delete())
        connection.execute(insert(account_values), row)


def token(firm: Firm) -> str | None:
    with firm.ledger.read() as connection:
        return connection.execute(select(account_values.c.value)).scalar_one_or_none()


# --- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["copy.db", "--mark"]])
def test_either_a_copy_or_the_mark_is_asked_for(firm: Firm, arguments: list[str]) -> None:
    assert "одно из двух" in firm.refused("restore", *arguments)


def test_a_copy_that_is_not_there_is_told(firm: Firm) -> None:
    assert "такого файла нет" in firm.refused("restore", str(firm.folder / "nowhere.db"), "--yes")


@pytest.mark.parametrize("content", [b"", b"no database at all" * 99])
def test_what_is_no_copy_of_a_ledger_is_refused(firm: Firm, content: bytes) -> None:
    copy = firm.folder / "copy.db"
    copy.write_bytes(content)
    assert "не копия журнала" in firm.refused("restore", str(copy), "--yes")
    assert asides(firm) == []


def test_half_a_copy_whose_log_lies_beside_it_is_refused(firm: Firm) -> None:
    copy = copied(firm)
    copy.with_name("copy.db-wal").write_bytes(b"log")
    assert "-wal" in firm.refused("restore", str(copy), "--yes")


def test_a_ledger_that_another_process_has_open_is_left_alone(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    copy = copied(firm)
    firm.report("c-2", CALLS)
    status, _, err = firm.run("restore", str(copy), "--yes")
    assert status == 2
    assert "журнал сейчас открыт" in err
    assert firm.states() == ["pending"] * 6
    assert asides(firm) == []


def test_without_yes_nothing_is_done(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    copy = copied(firm)
    firm.ledger.close()
    out = firm.out("restore", str(copy))
    assert "В копии звонков: 1" in out
    assert "доставки из копии: 3" in out
    assert "Ничего ещё не сделано" in out
    assert firm.states() == ["pending"] * 3


# --- done ------------------------------------------------------------------------------------------


def test_everything_that_is_open_is_looked_for_first_and_the_old_ledger_is_kept(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    copy = copied(firm)
    firm.report("c-2", CALLS)
    out = restored(firm, copy)
    assert firm.states() == ["unknown"] * 3
    assert all(row["sent_at"] is not None for row in firm.office.rows(deliveries))
    (aside,) = asides(firm)
    assert str(aside) in out
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    with closing(sqlite3.connect(aside)) as old:
        assert old.execute("SELECT count(*) FROM calls").fetchone() == (2,)


def test_what_events_of_the_lost_time_plan_later_is_looked_for_too(firm: Firm) -> None:
    copy = copied(firm)
    restored(firm, copy)
    firm.report("c-1", CALLS, ago=timedelta(minutes=10))
    assert firm.states() == ["unknown"] * 3
    assert all(row["sent_at"] is not None for row in firm.office.rows(deliveries))


def test_a_new_call_is_sent_without_looking(firm: Firm) -> None:
    restored(firm, copied(firm))
    firm.clock.pass_(seconds=3600)
    firm.report("c-1", CALLS)
    assert firm.states() == ["pending"] * 3
    assert all(row["sent_at"] is None for row in firm.office.rows(deliveries))


def test_what_was_parked_is_looked_for_once_it_is_retried(firm: Firm) -> None:
    restored(firm, copied(firm))
    firm.report("c-1", CALLS)
    firm.change_all(state="parked", sent_at=None)
    firm.ledger.close()
    copy = firm.folder / "second.db"
    firm.out("backup", str(copy))
    restored(firm, copy)
    assert firm.states() == ["parked"] * 3
    firm.out("deliveries", "retry", "--state", "parked", "--yes", "--by", "admin", "--reason", "test")
    assert firm.states() == ["unknown"] * 3


def test_a_correction_of_a_lost_call_takes_back_what_may_have_been_written(firm: Firm) -> None:
    restored(firm, copied(firm))
    firm.report("c-1", CALLS, ago=timedelta(minutes=10))
    firm.report("c-1", CHANGED_MIND, ago=timedelta(minutes=9))
    reminder = next(row for row in firm.office.rows(deliveries) if row["kind"] == "reminder")
    assert (reminder["state"], reminder["cancel"]) == ("unknown", True)


def test_a_ledger_that_is_gone_or_no_database_any_more_is_replaced(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    copy = copied(firm)
    firm.ledger.close()
    path = firm.folder / "ledger.db"
    path.write_bytes(b"nothing of a ledger is left here" * 200)
    path.with_name("ledger.db-wal").write_bytes(b"old log")
    restored(firm, copy)
    assert firm.states() == ["unknown"] * 3
    assert len(asides(firm)) == 2
    firm.ledger.close()
    for left in firm.folder.glob("ledger.db*"):
        left.unlink()
    restored(firm, copy)
    assert firm.states() == ["unknown"] * 3
    assert asides(firm) == []
    assert list(firm.folder.glob(".ledger*")) == []


def test_a_token_that_was_renewed_since_is_taken_over_from_the_old_ledger(firm: Firm) -> None:
    keep_token(firm.url, "first", 1)
    copy = copied(firm)
    keep_token(firm.url, "s3cret-2", 2)
    out = restored(firm, copy)
    assert token(firm) == "s3cret-2"
    assert "(amocrm) взяты из прежнего журнала" in out
    assert "s3cret-2" not in out


def test_where_the_old_ledger_is_gone_the_way_to_a_new_token_is_told(firm: Firm) -> None:
    keep_token(firm.url, "first", 1)
    copy = copied(firm)
    firm.ledger.close()
    for file in firm.folder.glob("ledger.db*"):
        file.unlink()
    out = restored(firm, copy)
    assert token(firm) == "first"
    assert "подключите учётную запись заново" in out


def test_a_ledger_put_back_by_other_means_is_marked(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    assert "Ничего ещё не сделано" in firm.out("restore", "--mark")
    assert firm.states() == ["pending"] * 3
    firm.out("restore", "--mark", "--yes")
    assert firm.states() == ["unknown"] * 3


def test_on_postgresql_the_copy_is_put_back_by_its_own_tool(firm: Firm) -> None:
    copy = copied(firm)
    kept = shutil.copy(copy, firm.folder / "kept.db")
    firm.url = "postgresql+psycopg://optout@db.example/ledger"
    firm.configure()
    assert "pg_restore" in firm.refused("restore", str(kept), "--yes")
