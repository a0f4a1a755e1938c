"""Cases reach what no decision shows: labels, people, the promise, unfinished calls, corrections, other clients."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from plugin.authoring.verification.accept_cases import rewordings, rewritten
from plugin.authoring.verification.case_texts import resolved
from plugin.authoring.verification.cases import coverage, run_cases
from plugin.cli.main import main
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset import read_folder
from plugin.errors import RulesError
from tests.support.rules_folder import ROOT

SHIPPED = read_folder(ROOT / "rules")[0]
OUT = "survey_opt_out"


def _failed(change: Callable[[dict[str, Any]], None]) -> dict[str, tuple[str, ...]]:
    content: dict[str, Any] = copy.deepcopy(SHIPPED)
    change(content)
    with closing(Rulebook.from_content(content)) as rulebook:
        return {result.case.name: result.differences for result in run_cases(rulebook) if not result.ok}


def _text(table: str, key: str, value: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content[f"{OUT}/script.toml"][table][key] = value

    return change


def test_swapped_labels_fail_the_cases_that_answer_by_label() -> None:
    def swap(content: dict[str, Any]) -> None:
        answers = content[f"{OUT}/rules.toml"]["question"][0]["answers"]
        answers[0]["label"], answers[1]["label"] = answers[1]["label"], answers[0]["label"]

    assert any(name.startswith("Надписи: Да, имеет отношение") for name in _failed(swap))


def test_how_a_phrase_is_read_out_is_reached_by_cases() -> None:
    def change(content: dict[str, Any]) -> None:
        (asked,) = [one for one in content[f"{OUT}/rules.toml"]["question"] if one["id"] == "2-warning"]
        asked["read"] = asked["read"].replace("запчастей", "з/ч")

    (told,) = _failed(change).values()
    assert "фраза для чтения" in told[0]

    def forget(content: dict[str, Any]) -> None:
        for case in content[f"{OUT}/cases.toml"]["case"]:
            case.pop("read", None)

    content: dict[str, Any] = copy.deepcopy(SHIPPED)
    forget(content)
    with closing(Rulebook.from_content(content)) as rulebook:
        missed = {entry.name for entry in coverage(rulebook, run_cases(rulebook)).texts.missed}
    assert {"read «2-warning»", "read «3-warning»"} <= missed


def test_a_label_is_the_answer_that_the_question_on_this_path_offers() -> None:
    with closing(Rulebook.from_content(SHIPPED)) as rulebook:
        decider = rulebook.script(OUT)
        given = {
            "related_to_car": "Да, имеет отношение",
            "survey_type": "all",
            "agreed_to_warning": "Согласен, исключить",
        }

        assert resolved(decider, given) == {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "yes"}
        assert resolved(decider, {"related_to_car": "Не знаю"}) == {"related_to_car": "Не знаю"}


def test_a_label_that_nobody_offers_fails_the_case() -> None:
    def change(content: dict[str, Any]) -> None:
        content[f"{OUT}/cases.toml"]["case"][-5]["facts"] = {"related_to_car": "Не знаю"}

    assert any("не принят" in told for differences in _failed(change).values() for told in differences)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_text("other_client", "comment", "Ответил другой: {target.name}; клиента исключать"), "other_client.comment"),
        (_text("other_client", "reminder", "Решите вручную"), "other_client.reminder"),
        (_text("correction", "line", "Исправление."), "then.line"),
        (_text("correction", "comment", "Исправление."), "then.comment"),
        (_text("correction", "withdrawal", "Отменено"), "then.withdrawal"),
        (_text("correction", "withdrawal_subject", "ОТМЕНА"), "then.withdrawal_subject"),
        (_text("unfinished", "text", "Перезвонить"), "unfinished.text"),
        (_text("unfinished", "role", "sms_manager"), "о незавершённом разговоре ожидалось напоминание"),
    ],
)
def test_each_text_beyond_the_decision_is_reached(change: Callable[[dict[str, Any]], None], told: str) -> None:
    assert any(told in one for differences in _failed(change).values() for one in differences)


def test_swapped_people_where_a_case_names_them_and_another_promise_are_noticed() -> None:
    def change(content: dict[str, Any]) -> None:
        roles = content["roles.toml"]["role"]
        case = next(case for case in content[f"{OUT}/cases.toml"]["case"] if "title" in case)
        case["persons"] = [f"{name}: {role['crm_user']} <{role['address']}> smtp" for name, role in roles.items()]
        for key in ("crm_user", "address"):
            one, other = roles["survey_coordinator"], roles["sms_manager"]
            one[key], other[key] = other[key], one[key]
        content[f"{OUT}/script.toml"]["promise_hours"] = 12

    told = [one for differences in _failed(change).values() for one in differences]

    assert any("survey_coordinator: sms.manager <sms.manager@example.org> smtp" in one for one in told)
    assert "ожидался срок обещания 24 ч, получен 12 ч" in told


def test_a_target_with_another_number_is_noticed() -> None:
    def change(content: dict[str, Any]) -> None:
        rules = content[f"{OUT}/rules.toml"]["rule"]
        next(rule for rule in rules if "target" in rule)["target"]["phone"] = "{call.id}"

    assert any("номер другого клиента" in one for told in _failed(change).values() for one in told)


def test_what_no_case_reaches_of_texts_people_and_terms_is_told() -> None:
    content = copy.deepcopy(SHIPPED)
    cases = content[f"{OUT}/cases.toml"]["case"]
    content[f"{OUT}/cases.toml"]["case"] = [case for case in cases if "then" not in case and "title" not in case]
    with closing(Rulebook.from_content(content)) as rulebook:
        missed = coverage(rulebook, run_cases(rulebook)).texts.missed

    names = {entry.name for entry in missed if entry.script == OUT}
    assert {"correction.line", "correction.withdrawal", "persons", "promise_hours"} <= names
    assert "unfinished.text" not in names


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ({"then": {"facts": {"nothing": 1}}}, "неизвестный факт «nothing»"),
        ({"then": {"facts": {}, "outcome": "nothing"}}, "неизвестный итог «nothing»"),
        ({"unfinished": {"remind": ["nobody"]}}, "неизвестная роль «nobody»"),
        ({"labels": {"nothing": "x"}}, "неизвестный факт «nothing»"),
        ({"then": {"text": "x"}}, "facts"),
    ],
)
def test_a_case_that_names_what_does_not_exist_is_a_fault(case: dict[str, Any], told: str, tmp_path: Path) -> None:
    from plugin.common.toml.writer import to_toml

    folder = Path(shutil.copytree(ROOT / "rules", tmp_path / "rules"))
    (folder / OUT / "cases.toml").write_text(to_toml({"case": [{"name": "x", "facts": {}, **case}]}))

    with pytest.raises(RulesError, match=told):
        Rulebook.load(folder)


# --- rewriting -------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "rules", tmp_path / "rules"))


def _edit(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))


def test_accepting_rewrites_every_case_that_quotes_the_phrase_and_nothing_else(folder: Path) -> None:
    _edit(folder, f"{OUT}/outcomes.toml", "исключат из рассылок", "исключат из всех рассылок")
    _edit(folder, f"{OUT}/script.toml", "записаны не до конца", "записаны не все")
    cases = folder / OUT / "cases.toml"
    before = cases.read_text()
    with closing(Rulebook.load(folder)) as rulebook:
        changes = rewordings(rulebook, run_cases(rulebook))
    text, left = rewritten(before, changes)
    cases.write_text(text)

    assert left == []
    assert len(changes) > 3
    with closing(Rulebook.load(folder)) as rulebook:
        assert all(result.ok for result in run_cases(rulebook))
    assert text.replace("всех рассылок", "рассылок").replace("не все", "не до конца") == before


def test_a_part_of_a_text_is_not_rewritten(folder: Path) -> None:
    _edit(folder, f"{OUT}/outcomes.toml", '"Исключить клиента из звонков с опросом."', '"Исключить его."')
    with closing(Rulebook.load(folder)) as rulebook:
        results = run_cases(rulebook)
        assert not all(result.ok for result in results)
        assert rewordings(rulebook, results) == []


def test_another_term_is_rewritten_in_every_case_that_names_it(folder: Path) -> None:
    _edit(folder, f"{OUT}/script.toml", "promise_hours = 24", "promise_hours = 12")
    _edit(folder, f"{OUT}/script.toml", "due_in_hours = 24", "due_in_hours = 12")
    cases = folder / OUT / "cases.toml"
    before = cases.read_text(encoding="utf-8")
    with closing(Rulebook.load(folder)) as rulebook:
        text, left = rewritten(before, rewordings(rulebook, run_cases(rulebook)))

    assert left == []
    assert text == before.replace("_hours = 24", "_hours = 12")


def test_a_term_that_the_reminders_do_not_share_is_not_rewritten(folder: Path) -> None:
    roles = 'roles = ["survey_coordinator", "sms_manager"]\ntext = """\nИсключить НОМЕР'
    sooner = '\n[[outcome.exclude_all_not_client.action]]\nid = "first"\nkind = "reminder"\n'
    sooner += 'roles = ["survey_coordinator"]\ndue_in_hours = 12\ntext = "Исключить"\n'
    _edit(folder, f"{OUT}/outcomes.toml", roles, roles.replace('"survey_coordinator", ', ""))
    _edit(folder, f"{OUT}/outcomes.toml", "\n\n[outcome.none]", sooner + "\n\n[outcome.none]")
    with closing(Rulebook.load(folder)) as rulebook:
        results = run_cases(rulebook)
        assert any("срок в часах: ожидалось 24, получено 12" in told for one in results for told in one.differences)
        assert [one for one in rewordings(rulebook, results) if one.is_number] == []


def test_accepting_another_copy_than_the_working_one_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    shutil.copy(ROOT / "plugin.toml", folder.parent)

    assert main(["rules", "test", "--accept", "active"]) == 2
    assert "only for the working copy" in capsys.readouterr().err
