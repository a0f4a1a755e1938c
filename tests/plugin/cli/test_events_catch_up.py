"""``optout events catch-up``: shows what would be read from the CRM, then reads it once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from plugin.cli.main import main
from plugin.ledger import Ledger
from plugin.ledger.connected import catch_ups, kept_references
from plugin.ledger.schema import quotas
from tests.connectors.embedded import rig as embedded
from tests.plugin.cli.test_calls import PLUGIN_TOML
from tests.support.databases import migrate
from tests.support.fake_api import ApiAnswer

Run = Callable[..., str]


@pytest.fixture
def crm() -> Iterator[embedded.EmbeddedRig]:
    with embedded.rig() as made:
        made.missed(3)
        yield made


@pytest.fixture
def home(tmp_path: Path, crm: embedded.EmbeddedRig, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOKEN", embedded.TOKEN)
    monkeypatch.setenv("SECRET", embedded.SECRET)
    head, _, _ = PLUGIN_TOML.partition("[crm")
    account = f'base_url = "{crm.front.url}"\ntoken = {{ env = "TOKEN" }}\nwebhook_secret = {{ env = "SECRET" }}\n'
    text = f'{head}[crm]\nconnector = "embedded"\n\n[crm.embedded]\n{account}'
    (tmp_path / "plugin.toml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{home / 'ledger.db'}")
    migrate(ledger)
    yield ledger
    ledger.close()


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run_(*arguments: str, status: int = 0) -> str:
        capsys.readouterr()
        assert main(["--config", str(home), "events", "catch-up", *arguments]) == status
        told = capsys.readouterr()
        assert all(len(line) <= 80 for line in told.out.splitlines())
        return told.out if status == 0 else told.out + told.err

    return run_


def rows(ledger: Ledger, table: Any) -> list[Any]:
    with ledger.read() as connection:
        return list(connection.execute(select(table)))


# --- what cannot be done -----------------------------------------------------------------------------


def test_without_a_ledger_nothing_is_asked(run: Run, crm: embedded.EmbeddedRig) -> None:
    assert "Журнала ещё нет" in run("--since", "24h", status=2)
    assert crm.front.requests == []


@pytest.mark.parametrize("since", ["soon", "2999-01-01", ""])
def test_a_time_that_is_none_or_not_yet_is_refused(ledger: Ledger, run: Run, since: str) -> None:
    assert "--since" in run("--since", since, status=2)


def test_another_crm_is_refused(ledger: Ledger, run: Run) -> None:
    told = run("--since", "24h", "--source", "bitrix24", status=2)
    assert "«bitrix24» не подключён" in told
    assert "Подключена CRM embedded" in told


def test_a_crm_that_cannot_be_asked_says_so(ledger: Ledger, home: Path, run: Run) -> None:
    text = (home / "plugin.toml").read_text(encoding="utf-8")
    (home / "plugin.toml").write_text(text.replace('webhook_secret = { env = "SECRET" }\n', ""), encoding="utf-8")
    assert "нельзя спросить, что изменилось" in run("--since", "24h", status=2)


def test_while_the_crm_is_away_there_is_no_plan_and_the_services_go_on_with_it(
    ledger: Ledger, run: Run, crm: embedded.EmbeddedRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crm.front, "answer", lambda request: ApiAnswer(503, b""))
    assert "CRM не отвечает" in run("--since", "24h", status=1)
    assert "дальше продолжит служба" in run("--since", "24h", "--yes", status=1)
    (row,) = rows(ledger, catch_ups)
    assert row.since is not None
    assert row.why is not None


# --- what is done ------------------------------------------------------------------------------------


def test_without_yes_only_the_plan_is_shown(ledger: Ledger, run: Run) -> None:
    told = run("--since", "24h")
    assert "изменилось записей: 3 (страниц: 1)" in told
    assert "Это план: ничего не изменилось" in told
    assert (rows(ledger, kept_references), rows(ledger, catch_ups)) == ([], [])
    # The requests of the plan are booked like any other's.
    assert [row.account for row in rows(ledger, quotas)] == ["embedded"]


def test_with_yes_it_is_read_and_kept_once(ledger: Ledger, run: Run) -> None:
    assert "3" in run("--since", "24h", "--source", "embedded", "--yes")
    run("--since", "24h", "--yes")
    kept = rows(ledger, kept_references)
    assert [row.record for row in kept] == ["call-1", "call-2", "call-3"]
    assert {row.state for row in kept} == {"waiting"}
    (row,) = rows(ledger, catch_ups)
    assert (row.since, row.cursor) == (None, None)
