"""``optout events``: what of the CRM's own events waits and why, tried again or given up, within 80 columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.base import Reference
from plugin.cli.main import main
from plugin.events.inbox import Inbox, InboxEnding
from plugin.ledger import Ledger
from plugin.ledger.connected import kept_references
from plugin.ledger.schema import acts
from tests.plugin.cli.test_calls import PLUGIN_TOML
from tests.support.databases import migrate

START = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)
SIGNED = ("--yes", "--by", "Иванова", "--reason", "права исправлены")
ABOUT = {"field": "UF_CRM_1700000001", "value": "45", "fact": "refuses", "why": "not mapped"}

Run = Callable[..., str]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    (tmp_path / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    migrate(ledger)
    yield ledger
    ledger.close()


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run_(*arguments: str, status: int = 0) -> str:
        capsys.readouterr()
        assert main(["--config", str(tmp_path), "events", *arguments]) == status
        told = capsys.readouterr()
        if "--json" not in arguments:
            assert all(len(line) <= 80 for line in told.out.splitlines())
        return told.out if status == 0 else told.err

    return run_


@pytest.fixture
def three(ledger: Ledger) -> Inbox:
    """One waits for a mapping, one is parked, one is done."""
    kept = Inbox(ledger, "testcrm", lambda: START, "test", 60.0)
    data = {"phone": "+79161234567", "name": "Иванов Иван Иванович"}
    kept.keep([(Reference("deal", str(number), data), 0.0) for number in (1, 2, 3)])
    endings = [
        InboxEnding("waiting", 900.0, "field …", "UF_CRM_1700000001=45", ABOUT),
        InboxEnding("parked", why="the CRM does not show it: no right to read the deal of +79161234567"),
        InboxEnding("done"),
    ]
    for one, ending in zip(kept.claim(3), endings, strict=True):
        assert kept.finish(one, ending) == ending.state
    return kept


def rows(ledger: Ledger) -> list[Any]:
    with ledger.read() as connection:
        return list(connection.execute(select(kept_references).order_by(kept_references.c.id)))


# --- what cannot be done -----------------------------------------------------------------------------


def test_without_a_ledger_it_says_so(tmp_path: Path, run: Run) -> None:
    (tmp_path / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
    assert "Журнала ещё нет" in run("list", status=2)


@pytest.mark.parametrize("act", ["retry", "drop"])
def test_an_act_wants_to_know_which_events_who_and_why(ledger: Ledger, three: Inbox, run: Run, act: str) -> None:
    assert "Не сказано, какие события" in run(act, status=2)
    assert "Не сказано, какие события" in run(act, "1", "--parked", status=2)
    assert "События нет: № 9" in run(act, "9", "1", status=2)
    assert "С событием уже всё: № 3" in run(act, "3", status=2)
    assert "--by: пусто" in run(act, "1", "--yes", "--reason", "так", status=2)
    assert [row.state for row in rows(ledger)] == ["waiting", "parked", "done"]


# --- what is shown -----------------------------------------------------------------------------------


def test_with_nothing_left_to_do_it_says_so(ledger: Ledger, run: Run) -> None:
    assert run("list") == "Таких событий нет.\n"


def test_what_waits_is_shown_with_its_reason_and_without_what_it_brought_along(three: Inbox, run: Run) -> None:
    out = run("list")
    assert "№ 1  ждёт: testcrm, deal 1, пришло 22.11.2026 10:15" in out
    assert "поле UF_CRM_1700000001: значение «45» не сопоставлено" in out
    assert "попыток: 1, следующая 22.11.2026 10:30" in out
    assert "№ 2  остановлено" in out
    assert "№ 3" not in out
    assert "+79161234567" not in out
    assert "Иванов" not in out
    assert "№ 3  обработано: testcrm, deal, пришло" in run("list", "--state", "done")


def test_programs_get_one_object_an_event(three: Inbox, run: Run) -> None:
    first, second = map(json.loads, run("list", "--json").splitlines())
    assert (first["id"], first["state"], first["next_try_at"]) == (2, "parked", None)
    assert (second["waits_for"]["value"], second["next_try_at"]) == ("45", "2026-11-22T10:30:00+03:00")
    assert "data" not in first


# --- what is done ------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["retry", "drop"])
def test_without_yes_only_the_plan_is_shown(ledger: Ledger, three: Inbox, run: Run, act: str) -> None:
    out = run(act, "1", "2")
    assert "Это план: ничего не изменилось" in out
    assert [row.state for row in rows(ledger)] == ["waiting", "parked", "done"]


def test_parked_ones_are_tried_again_now_on_record(ledger: Ledger, three: Inbox, run: Run) -> None:
    assert run("retry", "--parked", *SIGNED) == "Поставлено на повтор: 1\n"
    second = rows(ledger)[1]
    assert (second.state, second.attempts, second.why) == ("waiting", 0, None)
    assert second.not_before <= datetime.now(UTC) + timedelta(seconds=1)
    with ledger.read() as connection:
        (recorded,) = connection.execute(select(acts)).all()
    assert (recorded.act, recorded.by, recorded.details) == ("retry", "Иванова", {"event": 2})
    assert run("retry", "--parked", *SIGNED) == "Менять нечего.\n"


def test_one_that_is_being_resolved_just_now_is_left_to_that(ledger: Ledger, three: Inbox, run: Run) -> None:
    run("retry", "1", "2", *SIGNED)
    late = Inbox(ledger, "testcrm", lambda: datetime.now(UTC) + timedelta(seconds=2), "other", 60.0)
    assert len(late.claim(1)) == 1
    assert run("retry", "1", "2", *SIGNED) == "Поставлено на повтор: 1\n"


def test_what_is_given_up_is_wiped_and_whoever_resolves_it_learns_so(ledger: Ledger, three: Inbox, run: Run) -> None:
    run("retry", "2", *SIGNED)
    late = Inbox(ledger, "testcrm", lambda: datetime.now(UTC) + timedelta(seconds=2), "other", 60.0)
    claimed = late.claim(2)[1]
    assert "исполнено не будет" in run("drop", "2")
    assert run("drop", "2", *SIGNED) == "Отброшено: 1\n"
    second = rows(ledger)[1]
    assert (second.state, second.data, second.record) == ("dropped", None, "")
    assert late.finish(claimed, InboxEnding("done")) is None
