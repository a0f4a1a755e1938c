"""``optout rules test``: exit status, failures with their lines, coverage; all within 80 columns, or as JSON."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from plugin.cli.main import main
from plugin.deciding.decision.compiled_rules import Rulebook
from tests.plugin.cli.test_calls import Home
from tests.support.rules_folder import ROOT, TINY, tiny_folder

WRONG = """
[[case]]
name = "Недоволен ценой"
facts = { satisfied = false, reason = "price" }
outcome = "call_back"

[[case]]
name = "Доволен, а напоминание ждут — и название у этого случая длинное"
facts = { satisfied = true }
remind = ["manager"]
"""


def _json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_cases_that_cannot_be_read_are_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tiny_folder(tmp_path / "rules", '\n[[case]]\nname = "а"\noutcom = "nothing"\n')

    assert main(["rules", "test", str(folder)]) == 2
    assert capsys.readouterr().err == (
        "optout: tiny/cases.toml:4: case «а», outcom: неизвестное поле; возможно, имелось в виду «outcome»; "
        "допустимы: answers, call, called_at, card, comment, due, due_in_hours, email, error, "
        "escalation, facts, hint, label, "
        "labels, name, next, other_client, outcome, paragraph, persons, promise_hours, remind, reminder, rules, say, "
        "subject, target, "
        "target_phone, then, title, transcript, unfinished\n"
    )


def test_rules_that_are_nowhere_are_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "test", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_failing_case_is_shown_with_its_line_and_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "test", str(tiny_folder(tmp_path / "rules", WRONG))]) == 1

    out = capsys.readouterr().out
    assert out.splitlines()[:10] == [
        "tiny/cases.toml:7: Доволен, а напоминание ждут — и название у этого случая",
        "  длинное",
        "    ожидалось напоминание: manager, получено: никому",
        "",
        "Случаев: 2, сошлось: 1, не сошлось: 1",
        "Затронуто: правила 3 из 3, вопросы 2 из 2, ответы 3 из 4, итоги 2 из 2, тексты,",
        "  люди и сроки 0 из 11",
        "",
        "Не затронуты ни одним случаем ответы:",
        '  tiny: вопрос «reason», reason = "quality"',
    ]
    assert "  tiny: correction.withdrawal" in out.splitlines()
    assert max(map(len, out.splitlines())) <= 80


def test_the_same_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "test", "--json", str(tiny_folder(tmp_path / "rules", WRONG))]) == 1

    told = _json(capsys)
    assert told["ok"] is False
    assert [case["ok"] for case in told["cases"]] == [True, False]
    assert told["cases"][1] | {"name": ""} == {
        "script": "tiny",
        "name": "",
        "file": "tiny/cases.toml",
        "line": 7,
        "ok": False,
        "differences": ["ожидалось напоминание: manager, получено: никому"],
    }
    assert told["coverage"]["answers"] == {
        "total": 4,
        "missed": [{"script": "tiny", "question": "reason", "fact": "reason", "value": "quality"}],
    }
    assert told["coverage"]["rules"] == {"total": 3, "missed": []}


def test_rules_without_cases_pass_but_everything_is_listed_as_untouched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "test", str(TINY)]) == 0

    out = capsys.readouterr().out
    assert out.startswith("Случаев нет: их пишут в cases.toml в папке скрипта\nЗатронуто: правила 0 из 3, ")
    assert "\n  tiny: complaint\n" in out
    assert "\n  tiny: вопрос «satisfied», satisfied = true\n" in out


def test_a_stored_revision_is_tested_by_its_own_cases_with_their_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").mkdir()
    home = Home(tmp_path / "home")
    home.report("c-1")
    with closing(Rulebook.load(tiny_folder(tmp_path / "rules", WRONG))) as rulebook:
        revision = rulebook.revision
    home.activate(Rulebook.load(tmp_path / "rules"))
    config = ("--config", str(home.folder), "rules", "test")
    try:
        for name in ("active", revision, revision[:8]):
            capsys.readouterr()
            assert main([*config, name]) == 1
            assert capsys.readouterr().out.startswith("tiny/cases.toml:7: ")
        assert main([*config]) == 0
    finally:
        home.close()


def test_the_shipped_cases_pass_and_touch_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(ROOT / "plugin.toml"), "rules", "test"]) == 0

    out = capsys.readouterr().out
    assert "не сошлось: 0" in out
    # Who fills a role is each deployment's own.
    assert out.count("Не затронуты") == 1
    assert out.endswith("тексты, люди и сроки:\n  survey_opt_in: persons\n  survey_opt_out: persons\n")
