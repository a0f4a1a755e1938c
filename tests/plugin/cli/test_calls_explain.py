"""``optout calls explain``: a past call by the rules of that day, without names and phones unless asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugin.cli.main import main
from tests.plugin.cli.test_calls import Home
from tests.support.rules_folder import ROOT, changed

NAME = "Иванова Анна Петровна"
OTHER_CLIENT = {"related_to_car": False, "is_client": True, "client_name": NAME}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.close()


class Explain:
    def __init__(self, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
        self._home = home
        self._capsys = capsys

    def run(self, *arguments: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        status = main(["--config", str(self._home.folder), "calls", "explain", *arguments])
        said = self._capsys.readouterr()
        return status, said.out, said.err

    def out(self, *arguments: str) -> str:
        status, out, err = self.run(*arguments)
        assert (status, err) == (0, "")
        return out


@pytest.fixture
def explain(home: Home, capsys: pytest.CaptureFixture[str]) -> Explain:
    return Explain(home, capsys)


def test_a_call_that_is_not_there_is_bad_input(explain: Explain, home: Home) -> None:
    status, out, err = explain.run("c-7")
    assert (status, out) == (2, "")
    assert "Звонок «c-7» не найден" in err
    assert not (home.folder / "ledger.db").exists()


def test_a_call_is_explained_by_the_facts_of_its_decision(explain: Explain, home: Home) -> None:
    home.report("c-1")

    lines = explain.out("c-1").splitlines()

    assert lines[0] == "Звонок № 1: c-1"
    assert lines[1].startswith("Скрипт survey_opt_out, редакция правил ")
    assert "Итог: exclude_calls — исключить из звонков с опросом" in lines
    at = lines.index("  ✗ 2-agreed (Раздел 1, п. 2.1)")
    assert lines[at + 1] == '      survey_type = "online": ответ "calls"'
    assert max(map(len, lines)) <= 80
    assert explain.out("1") == explain.out("c-1")


def test_names_are_masked_unless_asked_for_in_full(explain: Explain, home: Home) -> None:
    home.report("c-1", facts=OTHER_CLIENT | {"survey_type": "calls"})

    assert NAME not in explain.out("c-1")
    assert NAME not in explain.out("c-1", "--json")
    assert 'client_name = "***"' in explain.out("c-1")
    assert f'client_name = "{NAME}"' in " ".join(explain.out("c-1", "--full").split())
    assert json.loads(explain.out("c-1", "--json", "--full"))["facts"]["client_name"] == NAME


def test_it_is_the_rules_of_that_day_that_explain(explain: Explain, home: Home) -> None:
    home.report("c-1")
    before = explain.out("c-1")

    def otherwise(content: dict[str, Any]) -> None:
        rules = content["survey_opt_out/rules.toml"]["rule"]
        next(rule for rule in rules if rule["id"] == "1")["outcome"] = "exclude_all"

    home.activate(changed(ROOT / "rules", otherwise))

    assert explain.out("c-1") == before
    home.report("c-2")
    assert "Итог: exclude_all" in explain.out("c-2")


def test_a_correction_is_explained_as_it_stands_now(explain: Explain, home: Home) -> None:
    home.report("c-1")
    home.report("c-1", id="evt-2", facts={"survey_type": "online", "agreed_to_warning": "yes"})

    out = explain.out("c-1")

    assert "Итог: exclude_mailings" in out
    assert "  ✓ 2-agreed (" in out


def test_a_call_that_is_not_finished_is_explained_as_far_as_it_got(explain: Explain, home: Home) -> None:
    home.report("c-1", final=False, facts=OTHER_CLIENT)
    home.report("c-1", id="evt-2", final=False, facts={"survey_type": "all"})

    out = explain.out("c-1")

    assert "Разговор продолжается: вопрос «3-warning» о agreed_to_warning" in out
    assert NAME not in out


def test_the_same_as_json(explain: Explain, home: Home) -> None:
    home.report("c-1")

    told = json.loads(explain.out("c-1", "--json"))

    assert (told["id"], told["call"], told["outcome"]) == (1, "c-1", "exclude_calls")
    assert {entry["id"] for entry in told["entries"] if entry["fired"]} >= {"1-chosen", "1"}
