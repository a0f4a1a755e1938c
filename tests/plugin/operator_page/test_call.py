"""What a link says of a call, made usable for events."""

from __future__ import annotations

import pytest

from plugin.operator_page.call import call_of_about, line, page_call


@pytest.mark.parametrize(
    ("given", "kept"),
    [("  Иванов\nИван\t ", "Иванов Иван"), ("\x00\x1f", None), ("", None), (None, None), ("я" * 600, "я" * 500)],
)
def test_a_line_is_one_line(given: str | None, kept: str | None) -> None:
    assert line(given) == kept


def test_what_cannot_be_used_is_left_out_of_the_event() -> None:
    call = page_call("c-1", phone="без номера", operator=" ", card=None, card_name="Иванов")

    assert call.event() == {"call": {"id": "c-1"}, "card": {"name": "Иванов"}}
    assert call.context()["card.name"] == "Иванов"
    assert page_call("c-1", card_name=" ").context()["card.name"] == "‹имя в карточке›"


def test_a_call_in_full() -> None:
    call = page_call("c-1", phone="8 (916) 123-45-67", operator="ivanova", card=("contact", "42"), card_name="Иванов")

    assert call.event() == {
        "call": {"id": "c-1", "phone": "+79161234567", "operator": "ivanova"},
        "card": {"type": "contact", "id": "42", "name": "Иванов"},
    }
    assert call.event_fields()["call.phone"] == "+79161234567"
    assert call_of_about("c-1", call.about(), "ivanova", "s").event() == call.event()
