"""Any text is read in linear time without an error, and a number is found whatever is written around it."""

from __future__ import annotations

import re
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.phones import first_number, lacks_number, notations, numbers_in, same_number

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
#: The ways to write the groups of a Russian number: what stands between prefix and code, and within the rest.
SHAPES = (
    "{p}{c}{a}{b}{d}",
    "{p} {c} {a}-{b}-{d}",
    "{p} ({c}) {a}-{b}-{d}",
    "{p}({c}){a}{b}{d}",
    "{p}-{c}-{a}-{b}-{d}",
    "{p} {c} {a} {b} {d}",
    "{p}.{c}.{a}.{b}.{d}",
    "{p} {c} {a} {b}{d}",
)
BETWEEN = (
    ", ",
    "; ",
    "/",
    " / ",
    "\n",
    "\r\n",
    " ",
    " и ",
    " или ",
    "|",
    "\t",
    " - ",
    ", жена ",
    " (",
    " доб. 5, ",
    " #12 ",
)
NOTES = (
    "{}",
    "{} моб",
    "моб. {}",
    "{} (с 9 до 18)",
    "{} Иван 2",
    "{}, доб. 101",
    "«{}»",
    "WhatsApp {}",
    "{} 01.12.2026",
)
HUNDRED_KB = 100_000
#: Seconds of this process. A text of this length takes a tenth of it; reading it in quadratic time takes minutes.
LONGEST = 8.0

russian = st.builds(
    lambda first, rest: first + rest, st.sampled_from("3489"), st.text("0123456789", min_size=9, max_size=9)
).filter(lambda digits: digits[:2] not in ("89", "79") and len(set(digits)) > 1 and digits != "9876543210")
anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
junk = st.text('0123456789 ()+-.,;:/@#*xХ"<>=&|_~\n\t\u00a0SIPsiptel%', max_size=60)


def written(shape: str, prefix: str, digits: str) -> str:
    return shape.format(p=prefix, c=digits[:3], a=digits[3:6], b=digits[6:8], d=digits[8:])


@given(anything | junk)
def test_any_text_is_read(text: str) -> None:
    found = numbers_in(text)
    assert len(set(found)) == len(found)
    assert all(E164.fullmatch(number) for number in found)
    assert first_number(text) == next(iter(found), None)
    assert same_number(text, text) == bool(found)
    assert not (found and lacks_number(text))


@given(junk)
def test_a_number_that_was_found_is_found_again(text: str) -> None:
    for number in numbers_in(text):
        assert numbers_in(number) == (number,)


@given(junk)
def test_all_digits_of_a_number_stand_in_the_text(text: str) -> None:
    digits = re.sub("[^0-9]", "", text)
    for number in numbers_in(text):
        assert (number[2:] if number.startswith("+7") else number[-6:]) in digits


@given(st.integers() | st.floats() | st.decimals() | st.none() | st.booleans() | st.binary() | st.lists(st.text()))
def test_any_value_is_read(value: object) -> None:
    assert all(E164.fullmatch(number) for number in numbers_in(value))


@given(
    russian, st.sampled_from(SHAPES), st.sampled_from(("+7", "8", "7", "+8 ", "8 10 7", "00 7")), st.sampled_from(NOTES)
)
def test_a_russian_number_is_found_in_every_shape_with_every_note(
    digits: str, shape: str, prefix: str, note: str
) -> None:
    assert numbers_in(note.format(written(shape, prefix, digits))) == (f"+7{digits}",)


@given(russian, russian, st.sampled_from(SHAPES), st.sampled_from(SHAPES), st.sampled_from(BETWEEN))
def test_two_numbers_are_found_whatever_is_between_them(
    one: str, two: str, left: str, right: str, between: str
) -> None:
    text = written(left, "8", one) + between + written(right, "8", two)
    assert numbers_in(text) == tuple(dict.fromkeys((f"+7{one}", f"+7{two}")))


@given(russian)
def test_each_notation_is_the_same_number(digits: str) -> None:
    number = f"+7{digits}"
    found = notations(number)
    assert all(found[-1] in notation for notation in found)
    assert all(same_number(number, notation) for notation in found[:3])


@given(russian, st.integers(0, 2))
def test_a_number_in_a_spreadsheet_is_found(digits: str, zeros: int) -> None:
    for value in (int(f"7{digits}"), float(f"7{digits}"), Decimal(f"7{digits}"), f"7{digits}." + "0" * zeros):
        assert numbers_in(value) == (f"+7{digits}",)


@given(russian, st.integers(1, 6))
def test_digits_too_few_or_too_many_are_never_made_a_number(digits: str, more: int) -> None:
    assert numbers_in(f"+7{digits[:-more]}") == ()
    assert numbers_in(f"+7{digits}{'123456'[:more]}") == ()


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "a",
            "1",
            "1 ",
            "1-",
            "1.",
            "1,",
            "1:",
            "1(",
            "1)",
            "(",
            ")",
            "+",
            "+7",
            "+1 ",
            "@",
            "a@",
            "/",
            "<",
            "<sip:",
            '"',
        ),
        *(
            '"a',
            ";a",
            ";a=",
            "a.",
            "&",
            "&#1",
            "&amp;",
            "%2",
            "x",
            "12x",
            "_",
            "*1",
            "1,,",
            "#12",
            "1.1e1",
            "sip:",
            "SIP/",
        ),
        *(
            "http://",
            "t.me/",
            "слово ",
            "\t1",
            "\n",
            "\u200f",
            "\0",
            "\ud83d",
            "\uff11",
            "1\u0301\u0323",
            "8 916 123-45-67 ",
        ),
        *(
            "375 29 123 45 67 ",
            "12 34 56,",
            "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1,",
            "+79161234567;",
        ),
    ],
    ids=ascii,
)
def test_a_hundred_kilobytes_of_junk_are_read_in_linear_time(piece: str) -> None:
    begin = time.process_time()
    numbers_in(piece * (HUNDRED_KB // len(piece)))
    assert time.process_time() - begin < LONGEST


@pytest.mark.parametrize("head", ["1", "+", "8 916 ", "sip:", "<", '"', "&#", ";", "SIP/", "a.", "http://", "1,,", "%"])
@pytest.mark.parametrize("tail", ["a", "1", " ", "-", ":", "\u0301"])
def test_one_sign_repeated_behind_another_is_read_in_linear_time(head: str, tail: str) -> None:
    begin = time.process_time()
    numbers_in(head + tail * HUNDRED_KB)
    assert time.process_time() - begin < LONGEST


@given(st.from_regex(r"(\\+?7|8)[0-9]{10}", fullmatch=True))
def test_a_number_alone_is_read_as_among_other_signs(text: str) -> None:
    assert numbers_in(text) == numbers_in(f" {text} ")
