"""``optout rules table``: every conversation on the terminal, as CSV that Excel opens, and as one page of HTML."""

from __future__ import annotations

import csv
import io
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from plugin.authoring.inspection.markup import TEMPLATES
from plugin.authoring.inspection.table_csv import defused
from plugin.cli.main import main
from plugin.deciding.decision.compiled_rules import Rulebook
from tests.plugin.authoring.inspection.support import SCRIPT, edited, without_entry
from tests.support.rules_folder import tiny_folder

LABEL = "исключить из рассылок"
EVIL = "<script>alert(1)</script> & \\\"quoted\\\" 'too'"


def _run(home: Path, *arguments: str) -> int:
    return main(["--config", str(home), "rules", "table", *arguments])


def _csv(data: bytes, separator: str = ";") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=separator))


class _Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


# --- bad input -------------------------------------------------------------------------------------


def test_an_unknown_revision_is_bad_input(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(home, "0123abcd") == 2
    assert "Нет ни редакции, ни папки правил «0123abcd»" in capsys.readouterr().err


def test_an_unknown_script_is_bad_input_that_names_the_known_ones(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(home, "--script", "survey") == 2
    told = capsys.readouterr().err
    assert "Скрипта «survey» в этих правилах нет" in told
    assert SCRIPT in told


@pytest.mark.parametrize("option", ["--csv", "--html"])
@pytest.mark.parametrize(("where", "why"), [("nowhere/t", "нет такой папки"), (".", "это папка")])
def test_a_file_that_cannot_be_written_is_bad_input(
    home: Path, option: str, where: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(home, option, str(home / where)) == 2
    told = capsys.readouterr()
    assert f"файл не записать ({why})" in told.err
    assert told.out == ""


def test_both_on_standard_output_is_bad_input(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(home, "--csv", "-", "--html", "-") == 2
    assert capsys.readouterr().out == ""


def test_rules_with_a_fault_are_bad_input_that_names_the_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edited(home / "rules", f"{SCRIPT}/rules.toml", 'outcome = "exclude_all"\n', 'outcome = "exclude_al"\n')
    assert _run(home) == 2
    assert re.search(rf"{SCRIPT}/rules.toml:\d+: .*неизвестный итог «exclude_al»", capsys.readouterr().err)


# --- the terminal ----------------------------------------------------------------------------------


def test_a_gap_stands_in_the_table_and_is_counted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    without_entry(home / "rules", f"{SCRIPT}/rules.toml", '[[rule]]\nid = "3.3"')

    assert _run(home, "--script", SCRIPT) == 0

    out = " ".join(capsys.readouterr().out.split())
    assert "! 2 разговора не приходят к одному итогу" in out
    assert out.count("! Ни одно правило не") == 2


def test_the_terminal_shows_answers_outcomes_and_who_is_reminded(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(home, "--script", SCRIPT) == 0

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    first = next(number for number, line in enumerate(lines) if line.startswith(" 2 "))
    assert [line[3:41].rstrip() for line in lines[first : first + 4]] == [
        "Да, имеет отношение",
        "→ Только от опросов онлайн (анкета на",
        "  e-mail и(или) по смс)",
        "→ Согласен, исключить",
    ]
    right = " ".join(line[42:].strip() for line in lines[first : first + 4])
    assert right == f"{LABEL} · комментарий в карточку · напоминание: Координатор опросов, СМС-менеджер"


def test_each_outcome_is_told_with_its_texts_and_how_often_it_comes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(home, "--script", SCRIPT) == 0

    out = " ".join(capsys.readouterr().out.split())
    assert f"{LABEL} (exclude_mailings): 4 разговора" in out
    assert "тема «ИСКЛЮЧИТЬ», срок 24 ч, с письмом" in out
    assert "│ Номер: ‹номер телефона›" in out


def test_without_a_script_named_all_of_them_are_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(home) == 0
    out = capsys.readouterr().out
    assert all(f"({folder.name})" in out for folder in (home / "rules").iterdir() if folder.is_dir())


def test_another_folder_may_be_shown(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(home, str(tiny_folder(tmp_path / "tiny"))) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "3 разговора" in out
    assert "· напоминание: Менеджер" in out


def test_control_characters_of_the_rules_do_not_reach_the_terminal(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(home / "rules", f"{SCRIPT}/outcomes.toml", f'label = "{LABEL}"', 'label = "\\u001b[31mкрасный\\u0007"')
    assert _run(home, "--script", SCRIPT) == 0
    out = capsys.readouterr().out
    assert "красный" in out
    assert not set(out) & {"\x1b", "\x07"}


# --- CSV -------------------------------------------------------------------------------------------


def test_csv_is_what_a_russian_excel_opens_with_a_double_click(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert _run(home, "--script", SCRIPT, "--csv", "-") == 0

    data = capsysbinary.readouterr().out
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == 22
    rows = _csv(data)
    assert len(rows) == 21
    assert rows[1]["Итог"] == LABEL
    assert rows[1]["От каких опросов отказывается"] == "Только от опросов онлайн (анкета на e-mail и(или) по смс)"
    assert rows[1]["Кому напоминание"] == "Координатор опросов, СМС-менеджер"
    assert rows[1]["Срок, ч"] == "24"
    assert rows[1]["Комментарий"].startswith("Клиент просит исключить из рассылок анкет")
    assert "Исключить до: ‹срок›" in rows[1]["Текст напоминания"].split("\n")


def test_the_separator_may_be_a_comma(home: Path) -> None:
    assert _run(home, "--script", SCRIPT, "--csv", str(home / "t.csv"), "--separator", ",") == 0
    assert len(_csv((home / "t.csv").read_bytes(), ",")) == 21


def test_the_line_of_another_client_stands_only_where_another_client_answers(home: Path) -> None:
    assert _run(home, "--script", SCRIPT, "--csv", str(home / "t.csv")) == 0
    for row in _csv((home / "t.csv").read_bytes()):
        elsewhere = "Ответивший клиент: ‹ФИО ответившего клиента›" in row["Текст напоминания"]
        assert elsewhere == ("‹ФИО ответившего клиента›" in row["В чью карточку"])


@pytest.mark.parametrize("cell", ["=1+1", "+7", "-2", "@x", "\t=1", " =1", "\r=1", "＝1", "=cmd|' /C calc'!A0"])
def test_a_cell_that_a_spreadsheet_would_calculate_is_text(cell: str) -> None:
    assert defused(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "текст", "1 = 1", "«-»", "24"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert defused(cell) == cell


def test_a_formula_in_the_rules_is_text_in_the_file(home: Path) -> None:
    edited(home / "rules", f"{SCRIPT}/outcomes.toml", f'label = "{LABEL}"', 'label = \'=HYPERLINK("http://x";"y")\'')
    assert _run(home, "--script", SCRIPT, "--csv", str(home / "t.csv")) == 0
    assert _csv((home / "t.csv").read_bytes())[1]["Итог"] == '\'=HYPERLINK("http://x";"y")'


# --- HTML ------------------------------------------------------------------------------------------


def test_texts_of_the_rules_cannot_become_markup(home: Path) -> None:
    edited(home / "rules", f"{SCRIPT}/outcomes.toml", f'label = "{LABEL}"', f'label = "{EVIL}"')
    edited(home / "rules", f"{SCRIPT}/script.toml", "title = ", f'title = "{EVIL}" # ')
    edited(home / "rules", f"{SCRIPT}/rules.toml", 'label = "Является клиентом"', f'label = "{EVIL}"')

    assert _run(home, "--script", SCRIPT, "--html", str(home / "t.html")) == 0

    html = (home / "t.html").read_text(encoding="utf-8")
    page = _Page(html)
    assert "script" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert page.text.count("<script>alert(1)</script> & \"quoted\" 'too'") >= 6


@pytest.mark.parametrize("text", ["\x00", "\x1b", "\ud800", "\uffff"])
def test_what_no_markup_may_hold_is_replaced(text: str) -> None:
    template = TEMPLATES.from_string('<p title="{{ text }}">a{{ text }}b</p>')
    assert template.render(text=text) == '<p title="\ufffd">a\ufffdb</p>'


def test_the_page_stands_alone(home: Path) -> None:
    assert _run(home, "--html", str(home / "t.html")) == 0

    html = (home / "t.html").read_text(encoding="utf-8")
    page = _Page(html)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not [value for name, value in page.attributes if name in ("src", "srcset", "action")]
    assert [value for name, value in page.attributes if name == "href" and not str(value).startswith("#")] == []
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src &#x27;none&#x27;" in html


def test_all_of_it_is_text_on_the_page(home: Path) -> None:
    assert _run(home, "--script", SCRIPT, "--html", str(home / "t.html")) == 0

    page = _Page((home / "t.html").read_text(encoding="utf-8"))
    text = " ".join(page.text.split())
    assert page.tags.count("tr") == 22
    assert "Исключить только из рассылок с опросом, другие виды рассылки оставить" in text
    assert "Сказать: «Спасибо, Ваши контакты переданы, в течение суток Ваш номер исключат из рассылок»" in text
    assert "тема «ИСКЛЮЧИТЬ», срок 24 ч, с письмом" in text
    assert ("name", "viewport") in page.attributes


def test_the_same_rules_make_the_same_page(shipped: Rulebook, home: Path) -> None:
    for name in ("a.html", "b.html"):
        assert _run(home, "--html", str(home / name)) == 0
    assert (home / "a.html").read_bytes() == (home / "b.html").read_bytes()
    assert os.path.getsize(home / "a.html") < 200_000
