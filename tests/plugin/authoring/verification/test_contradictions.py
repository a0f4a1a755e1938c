"""What the rules say twice and not alike is a fault, unless it is accepted with a reason."""

from __future__ import annotations

import copy
import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugin.authoring.verification import CheckReport, ProofLimits, prove
from plugin.authoring.verification.check_folder import examine_folder
from plugin.authoring.verification.isolated import check_isolated
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset import read_folder
from tests.support.rules_folder import ROOT

GOOD = Path(__file__).parent / "bad_rules" / "good"


def _report(change: Callable[[dict[str, Any]], None], folder: Path = ROOT / "rules") -> CheckReport:
    content: dict[str, Any] = copy.deepcopy(read_folder(folder)[0])
    change(content)
    rulebook = Rulebook.from_content(content)
    try:
        return prove(rulebook)
    finally:
        rulebook.close()


def _told(report: CheckReport) -> list[str]:
    return [f"{fault.where}: {fault.what}" for fault in report.faults]


def test_two_roles_that_are_both_reminded_are_two_persons() -> None:
    def one_address(content: dict[str, Any]) -> None:
        role = content["roles.toml"]["role"]
        role["sms_manager"]["address"] = role["survey_coordinator"]["address"].upper()

    (fault,) = _report(one_address).faults

    assert fault.file == "roles.toml"
    assert "адрес" in fault.what
    assert "напоминает обеим" in fault.what


def test_two_roles_with_one_user_are_told_once_for_all_outcomes() -> None:
    def one_user(content: dict[str, Any]) -> None:
        role = content["roles.toml"]["role"]
        role["sms_manager"]["crm_user"] = role["survey_coordinator"]["crm_user"]

    assert len(_report(one_user).faults) == 1


def test_one_person_in_two_roles_that_no_outcome_reminds_together_is_no_fault() -> None:
    def another(content: dict[str, Any]) -> None:
        role = content["roles.toml"]["role"]
        role["chief"] = dict(role["survey_coordinator"])

    assert _report(another).ok


def test_half_the_promise_is_a_fault_in_every_phrase_that_says_a_day() -> None:
    def twelve(content: dict[str, Any]) -> None:
        content["survey_opt_out/script.toml"]["promise_hours"] = 12

    told = _told(_report(twelve))

    assert sum("а клиенту обещано 12 ч" in one for one in told) >= 4
    assert any("напоминания исполняются за 24 ч" in one for one in told)


def test_what_is_meant_is_accepted_by_its_wording_with_or_without_its_place() -> None:
    def change(content: dict[str, Any]) -> None:
        content["tiny/outcomes.toml"]["outcome"]["call_back"]["say"] = "в течение двух суток"

    (fault,) = _report(change, GOOD).faults

    for words in (fault.what, f"{fault.where}: {fault.what}"):

        def accepting(content: dict[str, Any], words: str = words) -> None:
            change(content)
            content["tiny/script.toml"]["accepted"] = [{"fault": words, "why": "звонят и раньше"}]

        report = _report(accepting, GOOD)
        assert report.ok
        assert not [one for one in report.warnings if "принятой" in one.what]


def test_a_fault_that_is_no_contradiction_cannot_be_accepted() -> None:
    def gap(content: dict[str, Any]) -> None:
        del content["tiny/rules.toml"]["rule"][0]

    (fault,) = _report(gap, GOOD).faults

    def accepting(content: dict[str, Any]) -> None:
        gap(content)
        content["tiny/script.toml"]["accepted"] = [{"fault": fault.what, "why": "потом"}]

    assert fault in _report(accepting, GOOD).faults


# --- the folder ------------------------------------------------------------------------------------


def _examine(folder: Path) -> CheckReport:
    reports: list[CheckReport] = []
    examine_folder(folder, ProofLimits(), lambda script, report, revision: reports.append(report))
    return reports[-1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOOD, tmp_path / "rules"))


@pytest.mark.parametrize("name", ["tiny — копия", "tiny (2)", "Copy of tiny", "tiny.bak", ".tiny", "tiny~"])
def test_a_copy_of_a_script_is_told_and_not_taken(folder: Path, name: str) -> None:
    shutil.copytree(folder / "tiny", folder / name)

    report = _examine(folder)

    assert [script.name for script in report.scripts] == ["tiny"]
    assert "папка не взята: похоже на копию" in [fault.what for fault in report.warnings]
    assert list(Rulebook.load(folder).scripts) == ["tiny"]


@pytest.mark.parametrize("name", ["rules.toml~", "rules.toml.txt", "Rules.toml", ".rules.toml.swp", "#rules.toml#"])
def test_a_backup_of_a_file_is_told_and_not_taken(folder: Path, name: str) -> None:
    (folder / "tiny" / name).write_text("[[rule")

    (warning,) = [one for one in _examine(folder).warnings if one.file == f"tiny/{name}"]

    assert "правила читаются только из tiny/rules.toml" in warning.what


def test_the_backup_beside_a_missing_file_is_named(folder: Path) -> None:
    (folder / "tiny/rules.toml").rename(folder / "tiny/rules.toml.txt")

    told = [str(fault) for fault in _examine(folder).faults]

    assert told == [
        "tiny/rules.toml: файл: файл не читается: такого файла нет — "
        "рядом есть rules.toml.txt: верните файлу имя rules.toml"
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_refused_instead_of_waited_for(folder: Path) -> None:
    (folder / "tiny/rules.toml").unlink()
    os.mkfifo(folder / "tiny/rules.toml")

    report, revision = check_isolated(folder, seconds=20)

    assert revision is None
    assert "tiny/rules.toml: файл: это не файл с текстом" in str(report.faults[0])


def test_the_same_letters_in_two_spellings_are_one_text(folder: Path) -> None:
    whole = read_folder(folder)[0]
    for file in (folder / "tiny").iterdir():
        file.write_text(unicodedata.normalize("NFD", file.read_text()))

    assert read_folder(folder)[0] == whole


def test_what_follows_from_a_fault_of_the_rules_is_left_out(folder: Path) -> None:
    rules = folder / "tiny/rules.toml"
    rules.write_text(rules.read_text().replace('id = "unhappy"', 'id = "happy"'))
    case = '[[case]]\nname = "Недоволен"\nfacts = { satisfied = false, reason = "price" }\nrules = ["unhappy"]\n'
    (folder / "tiny/cases.toml").write_text(case)

    told = [fault.what for fault in _examine(folder).faults]

    assert told == ["id «happy» уже занят"]
