"""pytest runs every case of a rules folder as a test of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.rules_folder import ROOT, tiny_folder

pytestmark = pytest.mark.slow

CASES = """
[[case]]
name = "Недоволен ценой"
facts = { satisfied = false, reason = "price" }
outcome = "call_back"

[[case]]
name = "Доволен"
facts = { satisfied = true }
outcome = "call_back"
remind = ["manager"]
"""


def _pytest(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    settings = ("-c", ROOT / "pyproject.toml", "--rootdir", ROOT, "-p", "no:cacheprovider", "-p", "tests.support.cases")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *settings, *arguments],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_cases_that_cannot_be_read_are_an_error_of_the_file(tmp_path: Path) -> None:
    done = _pytest(tiny_folder(tmp_path / "rules", CASES.replace("outcome", "outcom")))

    assert done.returncode == 2
    assert "tiny/cases.toml:5: case «Недоволен ценой», outcom: неизвестное поле" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_failing_case_shows_what_differs_and_no_more(tmp_path: Path) -> None:
    done = _pytest(tiny_folder(tmp_path / "rules", CASES), "-v")

    assert done.returncode == 1, done.stderr
    assert "1 failed, 1 passed" in done.stdout
    report = done.stdout[done.stdout.index("= FAILURES") : done.stdout.index("= short test summary")]
    assert report.splitlines()[1:-1] == [
        "___________________________________ Доволен ____________________________________",
        "tiny/cases.toml:7: Доволен",
        "ожидался итог «call_back» (перезвонить), получен «nothing» (ничего)",
    ]


def test_one_case_can_be_chosen_by_its_name(tmp_path: Path) -> None:
    done = _pytest(tiny_folder(tmp_path / "rules", CASES), "-q", "-k", "ценой")

    assert done.returncode == 0, done.stdout
    assert "1 passed, 1 deselected" in done.stdout


def test_another_file_of_this_name_is_nobodys_cases(tmp_path: Path) -> None:
    (tmp_path / "cases.toml").write_text("anything = 1", encoding="utf-8")

    assert _pytest(tmp_path).returncode == 5


def test_the_shipped_cases_are_collected_where_pytest_looks_for_tests() -> None:
    done = _pytest(ROOT / "rules", "--collect-only", "-q")

    assert done.returncode == 0, done.stdout
    assert "rules/survey_opt_out/cases.toml::Имеет отношение: отказ от звонков" in done.stdout
