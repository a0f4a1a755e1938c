"""How a phrase is read out, and whom an outcome is about, stand in the table, and changes of them in the diff."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugin.authoring.inspection.diff import differences
from plugin.cli.main import main
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.model import OutcomeSpec, Question
from tests.plugin.authoring.inspection.support import SCRIPT, edited, shipped_and

RULES, OUTCOMES = f"{SCRIPT}/rules.toml", f"{SCRIPT}/outcomes.toml"
ASKED = 'say = "Уточните, пожалуйста, являетесь ли Вы клиентом нашей Компании?"'
CALLS = 'label = "исключить из звонков с опросом"'


def changes(tmp_path: Path, file: str, old: str, new: str) -> list[tuple[str, str, str | None, str | None]]:
    before, folder = shipped_and(tmp_path)
    edited(folder, file, old, new)
    (script,) = differences(before, Rulebook.load(folder)).scripts
    return [(one.kind, one.what, one.old, one.new) for one in script.changes]


def test_a_reading_form_that_comes_is_a_change_of_the_question(tmp_path: Path) -> None:
    found = changes(tmp_path, RULES, ASKED, f'{ASKED}\nread = "Скажите, Вы наш клиент?"')

    (change,) = found
    assert change[0] == "read"
    assert change[1].startswith("Фраза вопроса, как её читать: ")
    assert change[2:] == (None, "Скажите, Вы наш клиент?")


def test_a_reading_form_of_an_end_is_a_change_of_it(tmp_path: Path) -> None:
    found = changes(tmp_path, OUTCOMES, CALLS, f'{CALLS}\nread = "Спасибо, исключим"')

    assert found == [("read", "Фраза в конце разговора, как её читать", None, "Спасибо, исключим")]


def test_whom_an_outcome_is_about_is_a_change_of_it(tmp_path: Path) -> None:
    found = changes(tmp_path, OUTCOMES, CALLS, f'{CALLS}\nabout = "number"')

    assert found == [("about", "О ком итог", "клиент карточки", "сам номер, а не клиент карточки")]


def test_the_table_tells_both(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edited(home / "rules", OUTCOMES, CALLS, f'{CALLS}\nread = "Спасибо, исключим"')
    page = home / "table.html"
    assert main(["--config", str(home), "rules", "table", str(home / "rules"), "--html", str(page)]) == 0
    html = page.read_text(encoding="utf-8")
    assert main(["--config", str(home), "rules", "table", str(home / "rules")]) == 0
    text = " ".join(capsys.readouterr().out.split())

    assert "читать: «Спасибо, исключим»" in text
    assert text.count("о ком: сам номер, а не клиент карточки") == 1
    assert "Читать: «Спасибо, исключим»" in html
    assert "О ком: сам номер, а не клиент карточки" in html
    assert "читать: «Должны Вас проинформировать" in html


def spelt_out(say: str) -> str:
    """The phrase with its abbreviations in words, and nothing else changed."""
    words = {"e-mail и(или) смс": "электронной почте или по СМС", "а/м": "автомобиля", "з/ч": "запчастей"}
    for short, long in words.items():
        say = say.replace(short, long)
    return say


def test_the_shipped_phrases_that_cannot_be_read_aloud_have_a_reading_form_with_the_same_words(
    shipped: Rulebook,
) -> None:
    script: Script = shipped.script(SCRIPT).script
    said: list[Question | OutcomeSpec] = [*script.questions, *script.outcomes.values()]
    short = [one for one in said if one.say and "/" in one.say]

    assert len(short) == 2
    assert all(one.say and one.read == spelt_out(one.say) for one in short)
    assert all(one.read is None for one in said if one not in short)
