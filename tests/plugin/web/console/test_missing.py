"""«Нет нужного ответа» in the console: the words with call and step, and what somebody made of them."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from sqlalchemy import insert

from plugin.ledger.drafts import drafts
from plugin.ledger.schema import acts
from plugin.ledger.trails import settled_remarks, trails
from tests.plugin.web.console.busy_day import MARKUP, journal
from tests.plugin.web.console.console_site import ConsoleSite, Person, Shown


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


def asked(console: ConsoleSite, words: str) -> tuple[Person, dict[str, str], Shown]:
    """An editor at the form of a case that is made of these words."""
    said(console, "c-1", words)
    editor = console.person("editor", "редактор")
    fields = dict(re.findall(r'name="(trail|said_at)" value="([^"]*)"', editor.get("/console/missing").html))
    return editor, fields, editor.get(f"/console/missing/case?{urlencode(fields)}")


def test_words_become_a_case_with_a_new_answer_and_are_settled_with_it(console: ConsoleSite) -> None:
    editor, fields, page = asked(console, "машину забрала жена")
    assert 'value="Машину забрала жена"' in page.html
    form = fields | {"name": "Жена", "answer": "new", "label": "Машина у жены"}
    refused = editor.post("/console/missing/case", **form, outcome="")
    assert (refused.status, "Не выбран итог" in refused.text) == (422, True)
    assert console.rows(drafts) == []

    assert editor.post("/console/missing/case", **form, outcome="exclude_all").status == 303

    (draft,) = console.rows(drafts, owner="редактор")
    assert (
        'facts = { related_to_car = "Да, имеет отношение", survey_type = "Машина у жены" }'
        in (draft["files"]["survey_opt_out/cases.toml"])
    )
    assert "Всё разобрано." in editor.get("/console/missing").text
    assert "случай в черновике правил: Жена" in editor.get("/console/missing?all=1").text


def test_words_become_a_case_of_an_answer_that_there_is(console: ConsoleSite) -> None:
    editor, fields, _ = asked(console, "совсем не звоните")
    form = fields | {"name": "Совсем", "answer": "От всех видов опросов", "outcome": "new"}
    assert editor.post("/console/missing/case", **form).status == 422
    assert editor.post("/console/missing/case", **form | {"outcome": "none"}).status == 303
    (draft,) = console.rows(drafts)
    assert "Машина" not in draft["files"]["survey_opt_out/rules.toml"]
    assert editor.get("/console/rules/script/survey_opt_out/cases").text.count("Не сошлось случаев: 1") == 1


def test_no_case_is_made_of_what_nobody_said(console: ConsoleSite) -> None:
    editor = console.person("editor")
    for query in ("", "trail=1&said_at=x", "trail=x&said_at=x"):
        assert editor.get(f"/console/missing/case?{query}").status == 422
