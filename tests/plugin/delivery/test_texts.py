"""What a text says of its card, once the card is known."""

from __future__ import annotations

from connectors.base import Card, CardRef
from plugin.delivery.texts import explain_mark, fill_card, names_card

TEXT = """Исключить.
Клиент карточки: ‹имя в карточке›
Карточка: ‹ссылка на карточку›
Номер: +7916
[ref:0123456789abcdef]"""
REF = CardRef("contact", "42")


def test_without_a_card_its_lines_are_left_out() -> None:
    assert fill_card(TEXT, None) == "Исключить.\nНомер: +7916\n[ref:0123456789abcdef]"


def test_what_the_crm_does_not_know_of_the_card_is_left_out() -> None:
    filled = fill_card(TEXT, Card(REF, name="Анна"))

    assert filled == "Исключить.\nКлиент карточки: Анна\nНомер: +7916\n[ref:0123456789abcdef]"


def test_name_and_link_stand_where_they_are_named() -> None:
    filled = fill_card(TEXT, Card(REF, name="Анна", url="https://crm.example.org/42"))

    assert "Клиент карточки: Анна\nКарточка: https://crm.example.org/42\n" in filled
    assert not names_card(filled)


def test_a_name_with_braces_and_labels_in_it_is_just_a_name() -> None:
    filled = fill_card(TEXT, Card(REF, name="{card.url} ‹срок›"))

    assert "Клиент карточки: {card.url} ‹срок›\n" in filled


def test_a_text_that_names_no_card_is_left_alone() -> None:
    assert not names_card("Клиент просит исключить из звонков с опросом")


def test_a_mail_says_what_the_mark_below_it_is() -> None:
    explained = explain_mark(TEXT)

    assert explained.startswith("Исключить.\n")
    assert explained.splitlines()[-1] == "Служебная метка, по ней программа узнаёт это письмо: [ref:0123456789abcdef]"


def test_a_text_without_a_mark_stays_as_it_is() -> None:
    assert explain_mark("Исключить.") == "Исключить."
    assert explain_mark("") == ""
    assert explain_mark("[ref: о чём это]\nИсключить.") == "[ref: о чём это]\nИсключить."
