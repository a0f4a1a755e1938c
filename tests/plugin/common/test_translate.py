"""Sentences told in another language by tables."""

from __future__ import annotations

import pytest

from plugin.common.translate import Phrasebook

BOOK = Phrasebook(
    {
        "the CRM answers": "CRM отвечает",
        "Set own_user = {user} in plugin.toml": "Запишите own_user = {user} в plugin.toml",
        "{host} answered {status}": "{host} ответил {status}",
        "{host} answered {status} ({said})": "{host} ответил {status} ({said})",
        "Try again later: {why}": "Повторите позже: {why}",
        "{one} and {one}": "дважды {one}",
    }
)


@pytest.mark.parametrize(
    ("english", "russian"),
    [
        ("the CRM answers", "CRM отвечает"),
        ("Set own_user = 5 in plugin.toml", "Запишите own_user = 5 в plugin.toml"),
        ("crm:80 answered 500", "crm:80 ответил 500"),
        ("crm:80 answered 500 (Oops)", "crm:80 ответил 500 (Oops)"),
        ("Try again later: crm:80 answered 429", "Повторите позже: crm:80 ответил 429"),
        ("a and a", "дважды a"),
        ("Try again later: a\nb", "Повторите позже: a\nb"),
    ],
)
def test_a_sentence_of_a_table_is_told_with_its_parts(english: str, russian: str) -> None:
    assert BOOK.told(english) == russian


@pytest.mark.parametrize("text", ["", "something else", "a and b", "The CRM answers", "уже по-русски"])
def test_what_no_table_holds_stays_as_it_is(text: str) -> None:
    assert BOOK.told(text) == text
