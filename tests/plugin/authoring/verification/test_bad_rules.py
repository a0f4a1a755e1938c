"""One tiny file per fault: put in place of the good one, it is refused with file, line, what is wrong and a remedy.

``# expected:`` in the file is told as a fault, ``# warned:`` as a warning.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from plugin.authoring.verification import CheckReport, ProofLimits
from plugin.authoring.verification.check_folder import examine_folder
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.errors import Fault, RulesError

HERE = Path(__file__).parent / "bad_rules"
CASES = sorted((HERE / "cases").iterdir())


def _told(case: Path, word: str) -> list[str]:
    """What the case's comments say that must be told of it."""
    raw = case.read_bytes()
    text = raw.decode("utf-8-sig") if b"cp1251" not in case.name.encode() else raw.decode("cp1251")
    return re.findall(rf"^# {word}: (.*)$", text, re.MULTILINE)


def _examine(folder: Path) -> CheckReport:
    reports: list[CheckReport] = []
    examine_folder(folder, ProofLimits(), lambda script, report, revision: reports.append(report))
    return reports[-1]


def _lines(faults: Iterable[Fault]) -> str:
    return "\n".join(str(fault) for fault in faults)


def test_the_good_rules_have_no_fault() -> None:
    assert _examine(HERE / "good").faults == ()


@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_a_bad_file_is_told_with_place_and_remedy(case: Path, tmp_path: Path) -> None:
    shutil.copytree(HERE / "good", tmp_path / "rules")
    file = case.name.split(".", 1)[1]
    shutil.copy(case, tmp_path / "rules" / (file if file == "roles.toml" else f"tiny/{file}"))

    report = _examine(tmp_path / "rules")

    expected, warned = _told(case, "expected"), _told(case, "warned")
    assert expected or warned
    assert report.ok == (not expected)
    assert [fragment for fragment in expected if fragment not in _lines(report.faults)] == [], _lines(report.faults)
    assert [fragment for fragment in warned if fragment not in _lines(report.warnings)] == [], _lines(report.warnings)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    shutil.copytree(HERE / "good", tmp_path / "rules")
    shutil.copy(HERE / "cases" / "unknown_role.outcomes.toml", tmp_path / "rules/tiny/outcomes.toml")
    shutil.copy(HERE / "cases" / "unknown_fact_read.rules.toml", tmp_path / "rules/tiny/rules.toml")

    faults = _examine(tmp_path / "rules").faults

    assert [fault.file for fault in faults] == ["tiny/outcomes.toml", "tiny/rules.toml"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    shutil.copytree(HERE / "good", tmp_path / "rules")
    (tmp_path / "rules/tiny/outcomes.toml").unlink()

    with pytest.raises(RulesError, match=r"tiny/outcomes\.toml: файл: файл не читается"):
        Rulebook.load(tmp_path / "rules")


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_folder_without_scripts_is_no_rules_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="папка правил"):
        Rulebook.load(tmp_path / name)
