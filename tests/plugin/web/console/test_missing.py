"""«Нет нужного ответа» in the console: the words with call and step, and what somebody made of them."""

from __future__ import annotations

import re

from sqlalchemy import insert

from plugin.ledger.schema import acts
from plugin.ledger.trails import settled_remarks, trails
from tests.plugin.web.console.busy_day import MARKUP, journal
from tests.plugin.web.console.console_site import ConsoleSite


def said(console: ConsoleSite, call: str, words: str) -> None:
    with console.ledger.write() as connection:
        connection.execute(insert(trails), journal(console, call, words))


def test_nothing_said_is_nothing_to_do(console: ConsoleSite) -> None:
    assert "Всё разобрано." in console.person("editor").get("/console/missing").text


def test_words_stand_with_their_question_and_leave_the_list_once_they_are_settled(console: ConsoleSite) -> None:
    said(console, "c-1", "машину забрала жена")
    editor = console.person("editor", "редактор")
    page = editor.get("/console/missing")
    assert "«машину забрала жена»" in page.text
    assert "на вопрос «Уточните, пожалуйста, Вы хотите отказаться" in page.text
    assert "До этого: Да, имеет отношение" in page.text
    assert "[[case]]" in page.text
    fields = dict(re.findall(r'name="(trail|said_at)" value="([^"]*)"', page.html))
    assert editor.post("/console/missing", **fields, reason="").status == 422
    for _ in range(2):
        assert "Всё разобрано." in editor.done("/console/missing", **fields, reason="добавим ответ").text
    assert len(console.rows(settled_remarks)) == len(console.rows(acts)) == 1
    every = editor.get("/console/missing?all=1").text
    assert "редактор" in every
    assert "добавим ответ" in every


def test_a_supervisor_settles_but_is_shown_no_draft(console: ConsoleSite) -> None:
    said(console, "c-1", MARKUP)
    page = console.person("supervisor").get("/console/missing")
    assert "<script>alert" not in page.html
    assert "[[case]]" not in page.text


def test_what_is_not_there_cannot_be_settled(console: ConsoleSite) -> None:
    editor = console.person("editor")
    for fields in ({"trail": "1", "said_at": "x"}, {"trail": "x", "said_at": "x"}, {}):
        page = editor.post("/console/missing", **fields, reason="x")
        assert (page.status, "Такого ответа нет" in page.text) == (422, True)
