"""Cutting text: never longer than allowed, and nothing that a reader takes for one character is cut through."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.common.text_cut import cut


@pytest.mark.parametrize(
    ("text", "limit", "right"),
    [
        ("абв", 0, ""),
        ("абв", 2, "аб"),
        ("абв", 3, "абв"),
        ("аб вг", 3, "аб"),
        ("xe\u0301y", 2, "x"),
        ("xe\u0301y", 3, "xe\u0301"),
        ("x👍🏽y", 2, "x"),
        ("x👩‍🚀y", 2, "x"),
        ("x👩‍🚀y", 3, "x"),
        ("x👩‍🚀y", 4, "x👩‍🚀"),
        ("x❤️y", 2, "x"),
        ("x1️⃣y", 3, "x"),
        ("🇷🇺🇰🇿", 3, "🇷🇺"),
        ("🇷🇺🇰🇿", 2, "🇷🇺"),
        ("x🇷🇺🇰", 2, "x"),
    ],
    ids=ascii,
)
def test_the_cut_falls_between_characters(text: str, limit: int, right: str) -> None:
    assert cut(text, limit) == right


def test_what_is_longer_than_any_character_is_cut_through_rather_than_lost() -> None:
    assert cut("a" + "\u0301" * 500, 300) == "a" + "\u0301" * 299
    assert cut("👩\u200d" * 500, 301) == "👩\u200d" * 150 + "👩"


def test_one_character_that_does_not_fit_is_cut_through_rather_than_lost() -> None:
    assert cut("e\u0301x", 1) == "e"
    assert cut("1\ufe0f\u20e3", 2) == "1"


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=())), st.integers(-1, 40))
def test_any_text_is_cut_to_a_beginning_that_is_short_enough(text: str, limit: int) -> None:
    short = cut(text, limit)

    assert len(short) <= max(limit, 0)
    assert text.startswith(short)
    assert cut(short, limit) == short
