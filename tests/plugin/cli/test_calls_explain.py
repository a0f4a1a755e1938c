"""``optout calls explain``: a past call by the rules of that day, without names and phones unless asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from plugin.authoring.inspection.explain import explain as explained
from plugin.authoring.inspection.explain_sentence import sentence
from plugin.cli.main import main
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.errors import BadFacts, DecisionError, FactError, NoOutcome, OutcomeConflict
from plugin.ledger.schema import calls
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

    assert " ".join(lines[:4]).startswith(
        "Исключён из звонков (итог «исключить из звонков с опросом»): ответил «Только от   звонков с опросом» на вопрос"
    )
    at = lines.index("Звонок № 1: c-1")
    assert lines[at + 1].startswith("Скрипт survey_opt_out, редакция правил ")
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


# --- the sentence that it begins with ---------------------------------------------------------------


def first_sentence(explain: Explain, *arguments: str) -> str:
    said: str = json.loads(explain.out("c-1", "--json", *arguments))["sentence"]
    assert "".join(explain.out("c-1", *arguments).split()).startswith("".join(said.split()))
    return said


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "changed_mind"},
            "Не исключён (итог «исключать не требуется»): ответил «Передумал, исключать не требуется» на вопрос «",
        ),
        (
            {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "yes"},
            "Исключён из звонков и рассылок (итог «исключить из звонков с опросом и рассылок»): ответил «Согласен,",
        ),
        (
            {"related_to_car": False, "is_client": False},
            "отвечает не клиент»): ответил «Не является клиентом» на вопрос «Уточните, пожалуйста, являетесь ли Вы",
        ),
    ],
)
def test_it_begins_with_what_came_of_the_call_and_by_which_answer(
    explain: Explain, home: Home, facts: dict[str, object], said: str
) -> None:
    home.report("c-1", facts=facts)
    assert said in first_sentence(explain)


def test_of_a_call_left_unfinished_it_names_the_question_without_an_answer(explain: Explain, home: Home) -> None:
    home.report("c-1", facts={"related_to_car": True, "survey_type": "online"})
    said = first_sentence(explain)
    assert said.startswith("Не завершён: нет ответа на вопрос «Должны Вас проинформировать")
    assert "; до этого ответил «Только от опросов онлайн (анкета на e-mail и(или) по смс)» на вопрос «" in said


def test_nothing_answered_is_told_without_an_answer(explain: Explain, home: Home) -> None:
    home.report("c-1", facts={}, note="Клиент бросил трубку")
    assert first_sentence(explain).startswith("Не завершён: нет ответа на вопрос «Выясните, имеет ли")


def test_answers_that_the_call_was_not_decided_by_are_no_outcome(explain: Explain, home: Home) -> None:
    home.report("c-1")
    with home.ledger.write() as connection:
        connection.execute(update(calls).values(outcome=None))
    assert first_sentence(explain).startswith(
        "Не завершён: ответов хватает на итог «исключить из звонков с опросом», но звонок по ним не решён; ответил «"
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (BadFacts([FactError("survey_type", "never", "calls")]), "Не решён: такого ответа на этом пути правила не"),
        (OutcomeConflict("two outcomes"), "Не решён: правила спорят между собой об итоге"),
        (NoOutcome("no outcome"), "Не решён: на все вопросы отвечено, но ни одно правило не завершает разговор"),
    ],
)
def test_rules_that_did_not_decide_are_told_as_such(fault: BadFacts | DecisionError, said: str) -> None:
    with closing(Rulebook.load(ROOT / "rules")) as rulebook:
        found = replace(explained(rulebook.script("survey_opt_out"), {}), decision=None, fault=fault)
        assert sentence(found, lambda _, value: value, decided=False).startswith(said)


def test_it_masks_what_was_said_in_free_words(explain: Explain, home: Home) -> None:
    home.report("c-1", facts=OTHER_CLIENT)
    assert NAME not in first_sentence(explain)
    assert "до этого ответил «***» на вопрос «Уточните ФИО клиента" in first_sentence(explain)
    assert f"«{NAME}»" in first_sentence(explain, "--full")
