"""``optout alerts list``: in Russian, within 80 columns, without clients' data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from plugin.cli.main import main
from plugin.ledger import Ledger
from tests.plugin.cli.test_calls import PLUGIN_TOML
from tests.plugin.delivery.fake_crm import START
from tests.plugin.monitoring.watched import Watched
from tests.support.databases import migrate


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    (tmp_path / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    ledger = Ledger(url)
    migrate(ledger)
    ledger.close()
    watched = Watched(url)
    yield watched
    watched.close()


def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["--config", str(tmp_path), "alerts", "list", *arguments]) == 0
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines() if "--json" not in arguments)
    return out


def test_without_a_ledger_there_is_nothing_to_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
    assert main(["--config", str(tmp_path), "alerts", "list"]) == 2
    assert "Журнала ещё нет" in capsys.readouterr().err
    assert not (tmp_path / "ledger.db").exists()


def test_without_alerts_it_says_so(watched: Watched, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, capsys) == "Тревог нет.\n"


def test_alerts_are_listed_the_newest_first_with_what_they_are_about(
    watched: Watched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.parked("the CRM answered 400 (duplicate of +79161234567)" + " and so on" * 10)
    watched.look()
    watched.waiting(watched.clock() + timedelta(hours=1))
    watched.look(1)
    out = run(tmp_path, capsys)
    assert out.index("№ 2  обещание под угрозой: с 23.11.2026 10:16") < out.index("№ 1  доставка остановлена")
    assert "письмо отправлено 23.11.2026 10:15" in out
    assert "1234567" not in out
    # This plugin.toml names nobody.
    assert out.endswith("нет [alerts] to.\n")


def test_past_ones_are_listed_on_request_only(
    watched: Watched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.policy = replace(watched.policy, to=())
    delivery = watched.parked()
    watched.look()
    watched.done(delivery)
    watched.look(5)
    assert run(tmp_path, capsys) == "Тревог нет.\n"
    assert "с 23.11.2026 10:15, до 23.11.2026 10:20" in run(tmp_path, capsys, "--all")


def test_programs_get_json(watched: Watched, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = watched.parked(), watched.parked()
    watched.account("crm", START - timedelta(hours=1))
    watched.look()
    lines = [json.loads(line) for line in run(tmp_path, capsys, "--json").splitlines()]
    assert [line["kind"] for line in lines] == ["account_away", "delivery_parked", "delivery_parked"]
    assert [line["about"].get("delivery") for line in lines] == [None, second, first]
    assert lines[0]["opened_at"] == "2026-11-23T10:15:00+03:00"
    assert lines[0]["closed_at"] is None
    assert len(run(tmp_path, capsys, "--json", "--limit", "1").splitlines()) == 1


def test_they_are_listed_in_english_where_that_is_the_language(
    watched: Watched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plugin.toml").write_text(
        PLUGIN_TOML.replace("[plugin]\n", '[plugin]\nlanguage = "en"\n'), encoding="utf-8"
    )
    assert run(tmp_path, capsys) == "There are no alerts.\n"
    watched.parked("the CRM answered 400")
    watched.look()
    out = run(tmp_path, capsys)
    assert "1  delivery parked: since 23.11.2026 10:15, still so" in out
    assert "the CRM answered 400" in out
    assert not re.search("[а-яё]", out, re.IGNORECASE)
