"""``optout rules explain``: bad input is refused, the rest is told in Russian within 80 columns, or as JSON."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from plugin.cli.main import main
from tests.support.rules_folder import ROOT, VOCABULARY, tiny_folder

CONFIG = ("--config", str(ROOT / "plugin.toml"), "rules", "explain")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--facts", "survey_type=calls"), "--facts: это не объект JSON"),
        (("--facts", '{"survey_tipe": "calls"}'), "did you mean survey_type?"),
        (("--facts", '{"survey_type": "mail"}'), "allowed: calls, online, all"),
        (("--facts", "{}", "--script", "opt_out"), "Scripts: "),
        (("--facts", "{}", "--rules", "nowhere"), "nowhere"),
        ((), "Missing option '--facts'"),
    ],
)
def test_bad_input_is_told_and_ends_in_2(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*CONFIG, *arguments]) == 2
    assert told in capsys.readouterr().err


def test_every_rule_and_question_is_told_about(capsys: pytest.CaptureFixture[str]) -> None:
    facts = '{"related_to_car": true, "survey_type": "calls", "agreed_to_warning": "yes"}'

    assert main([*CONFIG, "--facts", facts]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == [
        'Факты: related_to_car = true; survey_type = "calls"; agreed_to_warning = "yes"',
        "Итог: exclude_calls — исключить из звонков с опросом",
    ]
    assert "  ✓ who-answered (Заголовки разделов 1 и 2)" in lines
    at = lines.index("  ✗ 2.2-explanation (Раздел 1, п. 2.2)")
    assert lines[at + 1 : at + 6] == [
        '      survey_type = "online": ответ "calls"',
        '      agreed_to_warning = "surveys_only": вопрос не задавался, ответ "yes" не',
        "        учитывается",
        '      → сработает, если survey_type: "calls" → "online"; agreed_to_warning:',
        '        "yes" → "surveys_only"',
    ]
    at = lines.index("  ✗ 2.1 (Раздел 1, п. 2.1)")
    assert lines[at + 1 : at + 3] == [
        '      point = "2.1": вывод другой: "1" (правило «1-chosen»)',
        '      → сработает, если survey_type: "calls" → "online"',
    ]
    rules = tomllib.loads((ROOT / "rules/survey_opt_out/rules.toml").read_text(encoding="utf-8"))
    told = [line.split()[1] for line in lines if line.startswith(("  ✓", "  ✗"))]
    assert told == [entry["id"] for kind in ("question", "rule") for entry in rules[kind]]
    assert max(map(len, lines)) <= 80


def test_an_unfinished_conversation_names_the_next_question(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CONFIG, "--facts", '{"related_to_car": false, "is_client": true}']) == 0

    out = capsys.readouterr().out
    assert "Разговор продолжается: вопрос «section-2-name» о client_name" in out
    assert (
        "client_name = { known = true }: ответа ещё нет\n      → сработает, если client_name: нет → любой текст" in out
    )
    assert 'section = "1": вывод другой: "2" (правило «section-2»)' in out


def test_a_refused_answer_is_told_with_those_that_are_offered(capsys: pytest.CaptureFixture[str]) -> None:
    facts = '{"related_to_car": true, "survey_type": "online", "agreed_to_warning": "calls_only"}'

    assert main([*CONFIG, "--facts", facts]) == 0

    assert "Такого ответа на этом пути нет: agreed_to_warning" in capsys.readouterr().out


GAP_AND_MORE = """
[[rule]]
id = "long"
paragraph = "3"
when = { duration = { at_least = 60 } }
conclude = { complaint = "yes" }

[[rule]]
id = "never"
paragraph = "3"
when = { satisfied = true, reason = "price" }
outcome = "nothing"
"""


def test_fields_conflicts_and_rules_that_never_fire_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tiny_folder(tmp_path / "rules", vocabulary=VOCABULARY, rules=GAP_AND_MORE))
    explain = ("rules", "explain", "--rules", folder, "--script", "tiny", "--facts")

    assert main([*explain, '{"satisfied": true, "duration": 75}']) == 0
    conflict = capsys.readouterr().out
    assert main([*explain, '{"satisfied": true, "duration": 5}']) == 0
    short = capsys.readouterr().out
    assert main([*explain, '{"satisfied": true}']) == 0
    unmeasured = capsys.readouterr().out

    assert "Итога нет: правила спорят между собой: «happy» → nothing, «complaint»" in conflict
    assert "duration = { at_least = 60 }: в звонке 5\n      → сработает, если duration: 5 → 60" in short
    assert "→ не сработает ни при каких ответах" in short
    assert 'complaint = "yes": вывода нет: не сработали правила «unhappy», «long»' in short
    assert "duration = { at_least = 60 }: звонок не сообщил call.duration" in unmeasured


def test_a_gap_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tiny_folder(tmp_path / "rules")
    rules = folder / "tiny/rules.toml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("known = true", "unknown = true"), encoding="utf-8")
    explain = ("rules", "explain", "--rules", str(folder), "--script", "tiny", "--facts")

    assert main([*explain, '{"satisfied": false, "reason": "price"}']) == 0

    out = capsys.readouterr().out
    assert "Итога нет: на все вопросы отвечено, но ни одно правило не завершает разговор" in out
    assert 'reason = { unknown = true }: ответ "price"' in out
    assert 'complaint = "yes": вывода нет: не сработало правило «unhappy»' in out


def test_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CONFIG, "--json", "--facts", '{"related_to_car": true, "survey_type": "calls"}']) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["script"], told["outcome"], told["complete"]) == ("survey_opt_out", "exclude_calls", True)
    entries = {entry["id"]: entry for entry in told["entries"]}
    assert entries["1"]["fired"] is True
    assert entries["3-agreed"] == {
        "id": "3-agreed",
        "kind": "rule",
        "paragraph": "Раздел 1, п. 3.1",
        "fired": False,
        "conditions": [
            {"subject": "survey_type", "wanted": "all", "verdict": "fails", "value": "calls"},
            {"subject": "agreed_to_warning", "wanted": "yes", "verdict": "not_asked", "value": None},
        ],
        "change": {"survey_type": "all", "agreed_to_warning": "yes"},
        "never": False,
    }
    assert entries["2.1"]["conditions"][0]["concluded"] == [{"value": "1", "rule": "1-chosen"}]
