"""Cleaning text: what goes wrong on the way is put right and told, what is right stays, whatever the text."""

from __future__ import annotations

import json
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.common.text import Cleaned, TextFlaw, clean, invisible_in, mend, printable, sendable, sendable_line

#: Characters that meet the cleaner in odd ways, besides any others, halves of surrogate pairs included.
_ODD = (
    "aeя1# \n\t\r\x00\x0b\x1f\x7f\x85\u2028\u2029\u00a0\u00ad\u034f\u061c\u200b\u200c\u200d\u200e\u202e\u2800"
    "\ufe0e\ufe0f\ufeff\u20e3\u0301\u0327\u0338\u0344\u0340\u0958\u0915\u094d\u093c\u0627\u0653\u064b\u1100\u1161\u180b\u1820"
    "\u2194\u2329\u3164\uffff\ufdd0\ufffd\ud83d\ude00😀🏽🇷❤«\U000e0061\U0001fffe"
)
_ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.text(st.sampled_from(_ODD), max_size=150)
_LIMITS = st.none() | st.integers(0, 80)
_FORBIDDEN_ANYWHERE = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))]


# --- what is wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "right", "flaw"),
    [
        ("Иван\ud83dов", "Иван\ufffdов", TextFlaw.HALF_CHARACTER),
        ("\ude00\ud83d", "\ufffd\ufffd", TextFlaw.HALF_CHARACTER),
        ("\udcc8", "\ufffd", TextFlaw.HALF_CHARACTER),
        ("a\uffffb\ufdd0\U0010ffff", "a\ufffdb\ufffd\ufffd", TextFlaw.NONCHARACTER),
        ("Иван\x00ов", "Иван ов", TextFlaw.CONTROL),
        ("a\x1b[31mb\x7fc\x9bd", "a [31mb c d", TextFlaw.CONTROL),
        ("a\nb", "a b", TextFlaw.CONTROL),
        ("a\r\n\tb", "a b", TextFlaw.CONTROL),
        ("a\u2028b\u2029c\x85d\x0be", "a b c d e", TextFlaw.CONTROL),
        ("Пет\u00adров", "Петров", TextFlaw.INVISIBLE),
        ("\ufeffПет\u200bро\u2060в\u202a", "Петров", TextFlaw.INVISIBLE),
        ("\u202eвоnravI\u202c", "воnravI", TextFlaw.INVISIBLE),
        ("a\u3164b\u115fc\u2800d\ufff9", "abcd", TextFlaw.INVISIBLE),
        ("a\U000e0061\U000e007fb", "ab", TextFlaw.INVISIBLE),
        ("a" + "\u0301" * 100, unicodedata.normalize("NFC", "a" + "\u0301" * 30), TextFlaw.PILED_MARKS),
    ],
    ids=ascii,
)
def test_what_is_no_text_is_replaced_and_told(given_: str, right: str, flaw: TextFlaw) -> None:
    assert clean(given_) == Cleaned(right, (flaw,))


@pytest.mark.parametrize("given_", ["", " ", "\n", "\t", "\r\n", "\u2028", "\u00a0", "\u3000 \u2003"], ids=ascii)
def test_blank_text_is_nothing_and_told_as_blank(given_: str) -> None:
    assert clean(given_) == clean(given_, multiline=True) == Cleaned("", (TextFlaw.BLANK,))
    assert clean(given_).or_none is None


def test_text_of_invisible_characters_only_is_blank() -> None:
    assert clean("\u200b\ufeff \u3164").what == (TextFlaw.INVISIBLE, TextFlaw.BLANK)


def test_text_of_control_characters_only_is_blank() -> None:
    assert clean("\x00\x01").what == (TextFlaw.CONTROL, TextFlaw.BLANK)


def test_all_flaws_are_told_once_in_a_fixed_order() -> None:
    cleaned = clean("\u200b" + "x\x00" * 9 + "\ud800\ud800", limit=3)

    assert cleaned == Cleaned("x x", (TextFlaw.HALF_CHARACTER, *cleaned.what[1:]))
    assert cleaned.what[1:] == (TextFlaw.CONTROL, TextFlaw.INVISIBLE, TextFlaw.TOO_LONG)


def test_the_codes_are_stable() -> None:
    assert [str(flaw) for flaw in TextFlaw] == [
        *("half_character", "noncharacter", "control_character", "invisible_character", "piled_marks", "too_long"),
        "blank",
    ]


def test_every_flaw_has_words_for_a_warning() -> None:
    told = [Cleaned("", (flaw,)).in_words() for flaw in TextFlaw]

    assert len(set(told)) == len(TextFlaw)
    assert clean("a\x00b\ud83d").in_words() == (
        "half a character became U+FFFD; control characters or line ends became blanks"
    )


# --- what is right ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Иванова Анна",
        "O'Brien-Müller & Co. <тест>",
        "№ 5 «Ёж» — 100 %",
        "Ким\u2011Ли",
        "two  blanks and a\u00a0hard one",
        "\ufffd",
        "❤️",
        "👍🏽",
        "👩🏽‍🚀",
        "👨‍👩‍👧",
        "🏳️‍🌈",
        "1️⃣ #️⃣",
        "🇷🇺🇰🇿",
        "می‌خواهم",
        "ක්‍රි",
        "العربية",
        "Việt",
        "\ue000 private \U000e1000 unassigned",
    ],
    ids=ascii,
)
def test_usable_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == clean(text, multiline=True) == mend(text) == Cleaned(text)
    assert list(invisible_in(text)) == []


@pytest.mark.parametrize(
    ("given_", "right"),
    [
        ("Зайцев Андрей", "Зайцев Андрей"),
        ("\u212b", "Å"),
        ("  Иванова\u00a0\n", "Иванова"),
        ("\t\u2028Иванова\r\n", "Иванова"),
        ("\ud83d\ude00", "😀"),
    ],
    ids=ascii,
)
def test_what_no_reader_would_notice_is_put_right_without_a_word(given_: str, right: str) -> None:
    assert clean(unicodedata.normalize("NFD", given_)) == clean(given_) == Cleaned(right)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x85", "\x0b", "\x0c"], ids=ascii)
def test_text_of_several_lines_keeps_them_whatever_ends_a_line(end: str) -> None:
    assert clean(f"один{end}\tдва{end}{end}три", multiline=True) == Cleaned("один\n\tдва\n\nтри")


def test_other_control_characters_are_told_in_text_of_several_lines_too() -> None:
    assert clean("a\x00b\x1b\nc", multiline=True) == Cleaned("a b \nc", (TextFlaw.CONTROL,))


@pytest.mark.parametrize(
    ("given_", "right"),
    [
        ("Ива\u200dнова", "Иванова"),
        ("a\u200cb", "ab"),
        ("8\ufe0f916", "8916"),
        ("😀\u200d", "😀"),
        ("\u200d😀", "😀"),
        ("😀\u200b\u200d😀", "😀😀"),
        ("😀\ufe0f\ufe0f", "😀\ufe0f"),
        ("a\ufe0f\u200d😀", "a😀"),
        ("\u0627\u200d\u200d\u0628", "\u0627\u0628"),
        ("\u0627\u200da", "\u0627a"),
        ("\u0627\u034f\u200d\u0628", "\u0627\u0628"),
    ],
    ids=ascii,
)
def test_a_joiner_or_selector_stays_only_where_it_means_something(given_: str, right: str) -> None:
    assert clean(given_) == Cleaned(right, (TextFlaw.INVISIBLE,))


def test_invisible_characters_are_found_with_their_places() -> None:
    assert list(invisible_in("a\u200bb❤️\u202e")) == [(1, "\u200b"), (5, "\u202e")]


# --- length ----------------------------------------------------------------------------------------


def test_text_that_is_too_long_is_cut_and_told() -> None:
    assert clean("я" * 501, limit=500) == Cleaned("я" * 500, (TextFlaw.TOO_LONG,))
    assert clean("я" * 500, limit=500) == Cleaned("я" * 500)


def test_what_is_dropped_anyway_does_not_count() -> None:
    assert clean(f"  {'й' * 500}\n", limit=500) == Cleaned("й" * 500)


# --- exits -----------------------------------------------------------------------------------------


def test_mending_leaves_what_has_to_come_back_as_it_was() -> None:
    text = " \u200bЙ\u2060\u00a0\r\n\t\u2028"

    assert mend(text) == Cleaned(text)
    assert sendable(text) == text


def test_what_no_exit_can_hold_is_replaced() -> None:
    assert sendable("\ud83dа\x00б\x0bв\uffff\x85") == "\ufffdа б\nв\ufffd\n"
    assert mend("\ud83d\x00").what == (TextFlaw.HALF_CHARACTER, TextFlaw.CONTROL)


def test_a_header_gets_one_line() -> None:
    assert sendable_line("ИСКЛЮЧИТЬ\r\nBcc: x\u2028y\x0bz\x00") == "ИСКЛЮЧИТЬ Bcc: x y z "


def test_a_terminal_gets_nothing_that_acts_or_hides() -> None:
    assert printable("a\x1b[2Jb\n\u202eв\ud83d\u00a0") == "a [2Jb  в  "
    assert printable("Иванова") == "Иванова"


# --- whatever the text -----------------------------------------------------------------------------


@settings(deadline=None, max_examples=400)
@given(_ANY_TEXT, st.booleans(), _LIMITS)
def test_any_text_comes_out_usable(text: str, multiline: bool, limit: int | None) -> None:
    cleaned = clean(text, multiline=multiline, limit=limit)

    cleaned.text.encode()
    forbidden = set(_FORBIDDEN_ANYWHERE) - ({"\t", "\n"} if multiline else set()) | {"\u2028", "\u2029", "\uffff"}
    assert not forbidden & set(cleaned.text)
    assert cleaned.text == cleaned.text.strip()
    assert unicodedata.is_normalized("NFC", cleaned.text)
    assert list(invisible_in(cleaned.text)) == []
    assert limit is None or len(cleaned.text) <= limit
    assert (cleaned.text == "") == (TextFlaw.BLANK in cleaned.what)


@settings(deadline=None, max_examples=400)
@given(_ANY_TEXT, st.booleans(), _LIMITS)
def test_cleaning_twice_changes_nothing_more(text: str, multiline: bool, limit: int | None) -> None:
    once = clean(text, multiline=multiline, limit=limit)

    assert clean(once.text, multiline=multiline, limit=limit) == Cleaned(
        once.text, (TextFlaw.BLANK,) if not once.text else ()
    )


@settings(deadline=None, max_examples=300)
@given(_ANY_TEXT)
def test_whatever_goes_out_can_be_encoded_and_is_stable(text: str) -> None:
    sent = sendable(text)

    assert json.loads(json.dumps(sent, ensure_ascii=False).encode()) == sent
    assert not (set(_FORBIDDEN_ANYWHERE) - set("\t\n\r")) & set(sent)
    assert mend(sent) == Cleaned(sent)
    assert sendable_line(text).splitlines() in ([sendable_line(text)], [])


@settings(deadline=None, max_examples=300)
@given(
    st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Cn", "Co", "M", "Zl", "Zp", "Zs", "Lo"]), min_size=1)
)
def test_ordinary_text_is_never_flawed(text: str) -> None:
    assert clean(text) == Cleaned(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    "piece",
    ["\u0301\u0327", "\u0627" + "\u064b" * 29 + "\u200d", "👩\u200d", "🇷", "\ud83d", "\u200b", "«", "я\n", " "],
    ids=ascii,
)
def test_a_long_text_takes_no_more_time_a_character_than_a_short_one(piece: str) -> None:
    def seconds(characters: int) -> float:
        text = "a" + piece * (characters // len(piece)) + "a"
        started = time.process_time()
        clean(text, limit=500)
        return time.process_time() - started

    # 20 times as long: quadratic time would be 400 times as much, and takes minutes for some of these.
    assert seconds(100_000) < 100 * max(seconds(5_000), 0.001)
