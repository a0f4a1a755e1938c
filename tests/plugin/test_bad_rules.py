"""One tiny file per fault: put in place of the good one, it is refused with file, line, what is wrong and a remedy."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from plugin.conversation import unsound
from plugin.errors import RulesError
from plugin.rulebook import Rulebook

HERE = Path(__file__).parent / "bad_rules"
CASES = sorted((HERE / "cases").iterdir())


def _expected(case: Path) -> list[str]:
    raw = case.read_bytes()
    text = raw.decode("utf-8-sig") if b"cp1251" not in case.name.encode() else raw.decode("cp1251")
    return re.findall(r"^# expected: (.*)$", text, re.MULTILINE)


def _load(folder: Path) -> None:
    rulebook = Rulebook.load(folder)
    faults = [fault for decider in rulebook.scripts.values() for fault in unsound(decider)]
    rulebook.close()
    if faults:
        raise RulesError(faults)


def test_the_good_rules_have_no_fault() -> None:
    _load(HERE / "good")


@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_a_bad_file_is_refused_with_place_and_remedy(case: Path, tmp_path: Path) -> None:
    shutil.copytree(HERE / "good", tmp_path / "rules")
    file = case.name.split(".", 1)[1]
    shutil.copy(case, tmp_path / "rules" / (file if file == "roles.toml" else f"tiny/{file}"))

    with pytest.raises(RulesError) as refused:
        _load(tmp_path / "rules")

    expected = _expected(case)
    assert expected
    for fragment in expected:
        assert fragment in str(refused.value)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    shutil.copytree(HERE / "good", tmp_path / "rules")
    shutil.copy(HERE / "cases" / "unknown_role.outcomes.toml", tmp_path / "rules/tiny/outcomes.toml")
    shutil.copy(HERE / "cases" / "unknown_fact_read.rules.toml", tmp_path / "rules/tiny/rules.toml")

    with pytest.raises(RulesError) as refused:
        _load(tmp_path / "rules")

    assert [fault.file for fault in refused.value.faults] == ["tiny/outcomes.toml", "tiny/rules.toml"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    shutil.copytree(HERE / "good", tmp_path / "rules")
    (tmp_path / "rules/tiny/outcomes.toml").unlink()

    with pytest.raises(RulesError, match=r"tiny/outcomes\.toml: файл: файл не читается"):
        Rulebook.load(tmp_path / "rules")


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_folder_without_scripts_is_no_rules_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="папка правил"):
        Rulebook.load(tmp_path / name)
