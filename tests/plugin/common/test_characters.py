"""Characters by name: each can be told to a person who cannot see it."""

from __future__ import annotations

import re
import tomllib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.common.characters import (
    CYRILLIC_TWINS,
    LATIN_TWINS,
    culprit,
    describe_character,
    describe_in_russian,
)
from plugin.common.text import clean


@pytest.mark.parametrize(
    ("character", "english", "russian"),
    [
        ("\x00", "U+0000 NULL", "U+0000, управляющий знак"),
        ("\t", "U+0009 TAB", "U+0009, табуляция"),
        ("\x01", "U+0001 CONTROL CHARACTER", "U+0001, управляющий знак"),
        ("\u00a0", "U+00A0 NO-BREAK SPACE", "U+00A0, неразрывный пробел"),
        ("\u00ad", "U+00AD SOFT HYPHEN", "U+00AD, мягкий перенос"),
        ("\u200b", "U+200B ZERO WIDTH SPACE", "U+200B, пробел нулевой ширины"),
        ("\u202e", "U+202E RIGHT-TO-LEFT OVERRIDE", "U+202E, невидимый знак направления письма"),
        ("\ufeff", "U+FEFF ZERO WIDTH NO-BREAK SPACE", "U+FEFF, метка порядка байтов (BOM)"),
        ("“", "U+201C LEFT DOUBLE QUOTATION MARK", "U+201C, кавычка из текстового редактора, нужна прямая"),
        ("а", "U+0430 CYRILLIC SMALL LETTER A", "U+0430, «а» кириллицы, похожая на латинскую"),
        ("a", "U+0061 LATIN SMALL LETTER A", "U+0061, латинская «a», похожая на русскую"),
        ("ж", "U+0436 CYRILLIC SMALL LETTER ZHE", "U+0436, «ж»"),
        ("\u2061", "U+2061 FUNCTION APPLICATION", "U+2061, невидимый знак"),
        ("\ud83d", "U+D83D HALF OF A SURROGATE PAIR", "U+D83D, половина знака"),
        ("\ue000", "U+E000 PRIVATE USE CHARACTER", "U+E000, знак для частного применения"),
        ("\U000e1000", "U+E1000 UNASSIGNED", "U+E1000, неизвестный знак"),
        (" ", "U+0020 SPACE", "U+0020, пробел"),
    ],
    ids=ascii,
)
def test_a_character_is_described_in_both_languages(character: str, english: str, russian: str) -> None:
    assert describe_character(character) == english
    assert describe_in_russian(character) == russian


@given(st.characters(exclude_categories=()))
def test_any_description_is_one_printable_line_that_begins_with_the_code_point(character: str) -> None:
    for told in (describe_character(character), describe_in_russian(character)):
        assert told.startswith(f"U+{ord(character):04X}")
        assert told.isprintable()


def test_look_alikes_are_told_apart_by_case() -> None:
    assert LATIN_TWINS["В"] == "B"
    assert "в" not in LATIN_TWINS
    assert "b" not in CYRILLIC_TWINS
    for cyrillic, latin in LATIN_TWINS.items():
        assert unicodedata.name(cyrillic).startswith("CYRILLIC")
        assert unicodedata.name(latin).startswith("LATIN")
        assert cyrillic.isupper() == latin.isupper()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("a =\u00a01", "\u00a0"),
        ("a = 1\u00a0", "\u00a0"),
        ("a\u00a0= 1", "\u00a0"),
        ("a = 1\u200b", "\u200b"),
        ("\u200ba = 1", "\u200b"),
        ("a\u200b = 1", "\u200b"),
        ("a = \u202e1", "\u202e"),
        ("a = “x”", "“"),
        ("a = «x»", "«"),
        ("a = ‘x’", "‘"),
        ("a \uff1d 1", "\uff1d"),
        ("сard = 1", "с"),
        ("a = 'x\x01'", "\x01"),
        ("a = tru", None),
        ("a = 'привет — мир' x", None),
        ("имя = 1", None),
    ],
    ids=ascii,
)
def test_what_stops_a_reader_of_toml_is_found_where_it_says(line: str, found: str | None) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as refused:
        tomllib.loads(line)

    place = re.search(r"column (\d+)", str(refused.value))
    index = int(place[1]) - 1 if place else len(line)
    assert culprit(line, index) == found


@given(st.text(st.characters(exclude_categories=()), max_size=5), st.integers(-3, 8))
def test_no_line_and_place_is_too_odd_to_look_at(line: str, index: int) -> None:
    found = culprit(line, index)
    assert found is None or found in line


def test_what_is_removed_as_invisible_is_called_so_in_russian() -> None:
    for number in (0x180B, 0x2061, 0x206A, 0xFE00, 0x1D173, 0xE0061):
        assert clean(chr(number)).or_none is None
        assert "невидим" in describe_in_russian(chr(number))
