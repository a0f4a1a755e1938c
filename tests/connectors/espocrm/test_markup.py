"""Texts reach a reader as they were written, and nobody is notified by them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.espocrm.markup import literal, name_line, shown

#: What EspoCRM looks for in a post (``NoteMentionHookProcessor.php``), in PHP's ASCII terms.
MENTION = re.compile(r"(@[\w@.-]+)", re.ASCII)

TEXTS = [
    "*жирно* _курсив_ **жирно** ~~нет~~ `код`",
    "[ссылка](http://evil.example.org) ![картинка](x)",
    "<b>жирно</b> <script>alert(1)</script> &lt; &amp;",
    "# Заголовок\n## Другой",
    "- пункт\n+ пункт\n* пункт\n1. пункт\n12) пункт",
    "Строка\n===\nСтрока\n---",
    "> цитата",
    "    отступ\n\tтабуляция",
    "a | b\n--|--",
    "обратная \\ черта и \\* звезда",
    "Иванов Иван Иванович, 50% скидка; цена 10-20 (примерно)",
    "[ref:0123456789abcdef]",
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_shown_is_what_was_written(text: str) -> None:
    assert shown(literal(text)) == text.replace("\t", "    ")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("*a*", r"\*a\*"),
        ("[a](b)", r"\[a\](b)"),
        ("<b>", r"\<b\>"),
        ("&lt;", r"\&lt;"),
        ("# a", r"\# a"),
        ("#1 a", "#1 a"),
        ("- a", r"\- a"),
        ("-5 °C", "-5 °C"),
        ("---", r"\---"),
        ("1. a", r"1\. a"),
        ("1.5 л", "1.5 л"),
        ("a\\b", r"a\\b"),
    ],
)
def test_signs_of_markdown_lose_their_meaning_and_others_stay(text: str, escaped: str) -> None:
    assert literal(text) == escaped


@pytest.mark.parametrize("text", ["@petrova", "Для @petrova и @ivanova!", "a@example.org", "@@petrova", "@p.i-v_a"])
def test_nobody_is_mentioned(text: str) -> None:
    assert MENTION.search(literal(text)) is None
    assert shown(literal(text)) == text


def test_an_at_sign_alone_stays() -> None:
    assert literal("цена @ 5") == "цена @ 5"


@pytest.mark.parametrize("address", ["https://crm.example.org/#Contact/view/65f_1-2", "http://e.org/a_b?c=d&e=f"])
def test_addresses_lead_where_they_led(address: str) -> None:
    assert literal(f"*Карточка*: {address}\n_") == f"\\*Карточка\\*: {address}\n\\_"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("[url=https://e.org]*a*[/url]", "\\[url=https://e.org\ufeff\\]\\*a\\*\\[/url\\]"),
        ("<https://e.org>", "\\<https://e.org\ufeff\\>"),
        ("https://e.org<b>", "https://e.org\ufeff\\<b\\>"),
        ("(https://e.org). *b*", r"(https://e.org). \*b\*"),
    ],
)
def test_what_touches_an_address_is_read_as_it_was_written(text: str, escaped: str) -> None:
    assert literal(text) == escaped
    assert shown(escaped) == text


def test_an_address_mentions_nobody_either() -> None:
    assert MENTION.search(literal("https://e.org/@petrova")) is None


def test_a_long_text_is_kept_whole() -> None:
    assert shown(literal("Ж*" * 5_000)) == "Ж*" * 5_000


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ИСКЛЮЧИТЬ", "ИСКЛЮЧИТЬ"),
        ("ОТМЕНА: <ИСКЛЮЧИТЬ> =", "ОТМЕНА: ‹ИСКЛЮЧИТЬ› ꞊"),
        ("две\nстроки", "две строки"),
        ("Ж" * 300, "Ж" * 254 + "…"),
    ],
)
def test_a_name_is_one_line_of_what_names_may_hold(text: str, name: str) -> None:
    assert name_line(text) == name
    assert re.fullmatch(r"[^<>=]+", name_line(text))


@given(st.text("ab1 \n*_`[]()<>#+-=.!|~&\\:@/жё", max_size=60) | st.just("https://e.org/").map(lambda a: f"{a}*x {a}_"))
def test_no_text_is_lost_or_mentions_anybody(text: str) -> None:
    assert shown(literal(text)) == text
    assert MENTION.search(literal(text)) is None
