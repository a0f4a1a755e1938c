"""Templates: what is refused, what they make, and that no value changes what surrounds it."""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.rest.bodies import structure
from connectors.rest.filters import ZONE
from connectors.rest.placeholders import CARD, COMMENT, REMINDER, WITHDRAW
from connectors.rest.request import Request
from connectors.rest.syntax import BadTemplate
from connectors.rest.template import OMIT, NotRendered, TextTemplate
from plugin.common.text import sendable

DUE = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)


def context(**values: Any) -> dict[str, Any]:
    fixed = {"omit": OMIT, "constants": {"team": "a"}, "now": DUE, ZONE: "Europe/Moscow"}
    return {**fixed, "card": {"type": "client", "id": "7", "collection": "clients"}, "text": "", "key": "", **values}


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("{{ tekst }}", "unknown placeholder 'tekst'; did you mean text?"),
        ("{{ card.idd }}", "unknown placeholder 'card.idd'; did you mean card.id?"),
        ("{{ card }}", "'card' is no value by itself; known: card.collection, card.id, card.type"),
        ("{{ text | htlm }}", "unknown filter 'htlm'; did you mean html?"),
        ("{{ text", "cannot be read"),
        ("a\n{{ text }\n", "cannot be read in line"),
        ("{{ text | cut(length=3) }}", "no named arguments"),
        ("{% for x in text %}{{ x }}{% endfor %}", "a loop"),
        ("{% if text %}a{% endif %}", "a block"),
        ("{% set x = text %}", "not allowed"),
        ("{{ text.upper() }}", "a call"),
        ("{{ text.__class__.__mro__ }}", "unknown placeholder 'text.__class__'"),
        ("{{ ''.__class__ }}", None),
        ("{{ text * 1000000000 }}", "not allowed in a template: *"),
        ("{{ 9 ** 999999999 }}", "not allowed in a template: **"),
        ("{{ text + text }}", "write a ~ b"),
        ("{{ '%999999999d' % 1 }}", "not allowed"),
        ("{{ text is defined }}", "default"),
        ("{{ range(9) }}", "a call"),
        ("{{ self }}", "unknown placeholder 'self'"),
        ("{% include 'x' %}", "not allowed"),
        ("{{ " + "(" * 500 + "text" + ")" * 500 + " }}", "too deeply"),
        ("{{ " + "not " * 60 + "text }}", "too deeply"),
        ("x" * 4001, "longer than 4000"),
        ("{{ text[1e400] }}", "too large"),
        ("{{ text[-1e999] }}", "too large"),
    ],
)
def test_what_is_no_plain_template_is_refused_with_what_was_meant(source: str, complaint: str | None) -> None:
    if complaint is None:
        with pytest.raises(NotRendered):
            TextTemplate(source, COMMENT).value(context())
        return
    with pytest.raises(BadTemplate) as caught:
        TextTemplate(source, COMMENT)
    assert complaint in str(caught.value)
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("clients?x={{ card.id }}", "no query"),
        ("clients/../{{ card.id }}", ". or .."),
        ("./clients", ". or .."),
        ("https://other.example/{{ card.id }}", "relative to base_url"),
        ("clients {{ card.id }}", "cannot hold ' '"),
        ("кли\u200bенты/{{ card.id }}", "cannot hold"),
        ("clients#{{ card.id }}", "cannot hold '#'"),
    ],
)
def test_a_path_with_more_than_a_path_in_it_is_refused(source: str, complaint: str) -> None:
    with pytest.raises(BadTemplate, match=r".") as caught:
        TextTemplate(source, CARD, path=True)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "{{ record.nothing }}",
        "{{ record.nothing.more }}",
        "x{{ record.nothing }}",
        "{{ [record.nothing] }}",
        "{{ record.inner }}x",
        "{{ record.text | int }}",
        "{{ record.text | date }}",
        "{{ now | date('%1000000000Y') }}",
        "{{ record.items }}x",
        "{{ record | html }}",
    ],
)
def test_a_value_that_is_not_there_or_cannot_stand_there_is_told_without_data(source: str) -> None:
    template = TextTemplate(source, WITHDRAW)
    with pytest.raises(NotRendered) as caught:
        template.value(context(record={"text": "Иванов", "inner": {"a": "Иванов"}}))
    assert "Иванов" not in str(caught.value)


# --- what they make ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ due }}", "2026-11-22T21:30:00+00:00"),
        ("{{ due | date }}", "2026-11-23"),
        ("{{ due | date('%d.%m.%Y %H:%M') }}", "23.11.2026 00:30"),
        ("{{ due | local }}", "2026-11-23T00:30:00+03:00"),
        ("{{ due | utc }}", "2026-11-22T21:30:00Z"),
        ("{{ due | unix }}", 1795383000),
        ("at {{ due | unix }}", "at 1795383000"),
        ("{{ card.id }}", "7"),
        ("{{ card.id | int }}", 7),
        ("{{ [card.id, 1, none, true] }}", ["7", 1, None, True]),
        ("{{ {'a': card.id} }}", {"a": "7"}),
        ("{{ [card.id] if card.type == 'client' else [] }}", ["7"]),
        ("{{ card.id or omit }}", "7"),
        ("{{ assignee.user or omit }}", OMIT),
        ("{{ assignee.user }}", None),
        ("<{{ assignee.user }}>", "<>"),
        ("{{ text | html }}", '&lt;b&gt; &amp; "x"<br>\ny'),
        ("{{ text | html_attribute }}", "&lt;b&gt; &amp; &quot;x&quot;\ny"),
        ("{{ due | plus_minutes(60) | utc }}", "2026-11-22T22:30:00Z"),
        ("{{ due | plus_minutes(-1) }}", "2026-11-22T21:29:00+00:00"),
        ("{{ text | words | last }}", "y"),
        ("{{ text | words | first }}", "<b>"),
        ("{{ text | cut(4) }}", "<b>…"),
        ("{{ text | json }}", '"<b> & \\"x\\"\\ny"'),
        ("{{ '8 (916) 123-45-67' | e164 }}", "+79161234567"),
        ("{{ '8 (916) 123-45-67' | digits }}", "89161234567"),
        ("{{ ['a', '', none, 'b'] | join('-') }}", "a-b"),
        ("{{ ' A ' | trim | lower | upper }}", "A"),
        ("{{ 5 | text }}", "5"),
        ("{{ constants.team ~ '-' ~ card.id }}", "a-7"),
        ("{{ '{{' }} {{ '}}' }}", "{{ }}"),
        ("{{ text[0] ~ text[1:3] }}", "<b>"),
        ("fixed", "fixed"),
    ],
)
def test_a_template_makes_its_value(source: str, value: Any) -> None:
    given = context(due=DUE, text='<b> & "x"\ny', assignee={"user": None, "address": "a@example.org"})
    made = TextTemplate(source, REMINDER).value(given)
    assert (made, type(made)) == (value, type(value))


def test_a_cut_text_keeps_its_reference_mark() -> None:
    mark = "[ref:0123456789abcdef]"
    cut = TextTemplate("{{ text | cut(50) }}", COMMENT).value(context(text="Ж" * 100 + f"\n{mark}"))
    assert cut == "Ж" * 26 + f"…\n{mark}"
    assert len(cut) == 50


def test_what_a_crms_record_calls_its_keys_reaches_no_python() -> None:
    record = {"items": "mine", "keys": {"get": 5}}
    assert TextTemplate("{{ record.items ~ record.keys.get }}", WITHDRAW).value(context(record=record)) == "mine5"


# --- no value changes what surrounds it --------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.text(
    string.punctuation + string.whitespace + "{}%./\\?#&=\"'\r\n\0", max_size=30
)


@given(TEXTS)
def test_an_id_is_one_segment_of_a_path_or_none_at_all(value: str) -> None:
    template = TextTemplate("clients/{{ card.id }}/notes", CARD, path=True)
    given = context(card={"type": "client", "id": value, "collection": ""})
    if value in ("", ".", ".."):
        with pytest.raises(NotRendered):
            template.text(given)
        return
    path = template.text(given)
    parts = urlsplit(f"https://crm.example.org/{path}")
    assert (parts.netloc, parts.query, parts.fragment) == ("crm.example.org", "", "")
    first, held, last = path.split("/")
    assert (first, unquote(held), last) == ("clients", value, "notes")


@given(TEXTS, TEXTS)
def test_a_json_body_holds_each_value_in_its_place_and_nothing_else(text: str, key: str) -> None:
    body = structure({"note": {"text": "{{ text }}", "list": ["a {{ key }} b", 5]}, "flag": True}, COMMENT)
    request = Request(TextTemplate("notes", COMMENT, path=True), "POST", json=body)
    content = request.prepared(context(text=text, key=key)).content
    assert content is not None
    assert json.loads(content) == {"note": {"text": sendable(text), "list": [f"a {sendable(key)} b", 5]}, "flag": True}


@given(TEXTS, TEXTS)
def test_queries_and_forms_hold_each_value_in_its_place(text: str, key: str) -> None:
    table = structure({"text": "{{ text }}", "ref": "x{{ key }}", "many": ["{{ key }}", "2"]}, COMMENT)
    request = Request(TextTemplate("notes", COMMENT, path=True), "POST", query=table, form=table)
    prepared = request.prepared(context(text=text, key=key))
    mark = sendable(key)
    expected = [("text", sendable(text)), ("ref", f"x{mark}"), ("many", mark), ("many", "2")]
    path, _, query = prepared.address.partition("?")
    assert path == "notes"
    assert prepared.content is not None
    for written in (query, prepared.content.decode("ascii")):
        assert parse_qsl(written, keep_blank_values=True) == expected


@given(TEXTS)
def test_a_header_holds_one_line_or_the_request_is_not_made(value: str) -> None:
    headers = structure({"Idempotency-Key": "{{ key }}"}, COMMENT)
    request = Request(TextTemplate("notes", COMMENT, path=True), headers=headers)
    try:
        given = request.prepared(context(key=value)).headers["Idempotency-Key"]
    except NotRendered:
        assert not value.isascii() or not value.isprintable() or value != value.strip()
    else:
        assert given == value


@given(TEXTS)
def test_html_lets_no_markup_through(value: str) -> None:
    made = TextTemplate("{{ text | html }}", COMMENT).value(context(text=value))
    assert set(made.replace("<br>\n", "")) & set("<>") == set()
    assert set(TextTemplate("{{ text | html_attribute }}", COMMENT).value(context(text=value))) & set("<>\"'") == set()


def test_an_id_with_half_a_character_is_no_records() -> None:
    path = TextTemplate("x/{{ card.id }}", CARD, path=True)
    with pytest.raises(NotRendered):
        Request(path, "POST").prepared(context(card={"id": "\ud800", "type": "", "collection": ""}))


@pytest.mark.parametrize("place", ["query", "json", "form"])
def test_half_a_character_goes_out_as_one_that_is_missing(place: str) -> None:
    values: dict[str, Any] = {place: structure({"a": "{{ card.id }}"}, CARD)}
    request = Request(TextTemplate("x", CARD, path=True), "POST", **values)
    prepared = request.prepared(context(card={"id": "x\ud800", "type": "", "collection": ""}))
    written = prepared.address if prepared.content is None else prepared.content.decode()
    assert "x\ufffd" in unquote(written)


def test_a_left_out_value_takes_its_key_with_it() -> None:
    table = structure({"a": "{{ omit }}", "b": ["{{ omit }}", "1"], "c": {"d": "{{ omit }}"}}, CARD)
    content = Request(TextTemplate("x", CARD, path=True), "POST", json=table).prepared(context()).content
    assert content == b'{"b": ["1"], "c": {}}'
