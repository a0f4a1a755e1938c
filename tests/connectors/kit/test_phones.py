"""Numbers are found in a field, whatever is written around them, and what is no number is never taken for one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import pytest

from connectors.kit.phones import first_number, lacks_number, notations, numbers_in, same_number

MOBILE = "+79161234567"
LANDLINE = "+74951234567"
FIRST, SECOND = "+79165550001", "+79037654321"


def rows(table: Mapping[str, Sequence[tuple[Sequence[str], Sequence[object]]]]) -> Iterator[object]:
    """One case for each field: the kind, the field, the numbers in it."""
    for kind, entries in table.items():
        for numbers, fields in entries:
            for field in fields:
                yield pytest.param(field, tuple(numbers), id=f"{kind}: {str(field)[:60]!a}")


NO_NUMBER: Mapping[str, Sequence[tuple[Sequence[str], Sequence[object]]]] = {
    "internal": [
        (
            (),
            (
                "sip:101@10.0.0.5",
                "PJSIP/101-00000012",
                "PJSIP/trunk7-00000b7f",
                "tel:101;phone-context=pbx.example.org",
            ),
        )
    ],
    "wrong length": [
        (
            (),
            (
                "123-45-67",
                "7 (916) 123-45-6",
                "8 916 123-45-6",
                "8 (3513) 5-12-34",
                "8 029 123-45-67",
                "8 916 123 45 678",
            ),
        )
    ],
    "no number": [
        ((), ("8-916-12-ЗЧ-567", "8 800 DEALERS", "15.03.1985", "ivan85@example.org", "112", "*100#")),
    ],
    "spreadsheet": [((), ("7,9161E+10",))],
    "filler": [
        (
            (),
            ("+7 (___) ___-__-__", "+7 (916) XXX-XX-XX", "+70000000000", "0000000000", "1111111111", "-1"),
        )
    ],
    "hidden": [
        (
            (),
            (
                *("anonymous", "Unknown", "Unavailable", "Restricted", "Private", "withheld", "asterisk", "s"),
                *("<unknown>", "undefined", "null", "n/a", "Аноним", "Скрыт", "Неизвестный", "не определён", "нет"),
                *("-", "+", '""', '" "', "", " ", "Номер скрыт 2", "sip:anonymous@anonymous.invalid"),
            ),
        )
    ],
}

NUMBERS: Mapping[str, Sequence[tuple[Sequence[str], Sequence[object]]]] = {
    "note": [
        (
            (MOBILE,),
            (
                "89161234567 моб",
                "8 916 123-45-67 после 18:00",
                "+7 (916) 123-45-67 Иван 2",
                "8 916 123-45-67 (с 9 до 18)",
                "+7 916 123-45-67 (с 01.12.2026)",
                "8(916)1234567 Telegram @ivan2",
                "2-й этаж, 8 916 123-45-67",
                '"2-я линия" <79161234567>',
                "89161234567 mob",
                "8 916 123 45 67 wife",
            ),
        )
    ],
    "extension": [
        (
            (LANDLINE,),
            (
                "84951234567*101",
                "8-495-123-45-67, доп. 101",
                "84951234567p12",
                "84951234567w12",
                "+7 (495) 123-45-67 доб. 101",
                "84951234567#12",
                "84951234567,,12",
                "+7 495 123-45-67 x12",
                "tel:+7-495-123-45-67;ext=12",
            ),
        )
    ],
    "prefix": [
        (
            (MOBILE,),
            (
                "+8 (916) 123-45-67",
                "+89161234567",
                "00 7 916 123-45-67",
                "0079161234567",
                "+7+79161234567",
                "#31#89161234567",
                "+7 (8) 916 123-45-67",
                "8 10 7 916 123-45-67",
            ),
        ),
        (("+78005553535",), ("+8-800-555-35-35",)),
        ((LANDLINE,), ("+8 495 123-45-67",)),
        (("+4930901820",), ("00 49 30 901820",)),
        (("+375291234567",), ("8-10-375-29-123-45-67", "375 29 123-45-67")),
    ],
    "abroad": [
        (("+81312345678",), ("+81 3-1234-5678",)),
        (("+84912345678",), ("+84 91 234 56 78",)),
        (("+85221234567",), ("+852 2123 4567",)),
    ],
    "code": [
        (
            (f"+7{code}1234567",),
            (
                f"8 {code} 123-45-67",
                f"8 ({code}) 123-45-67",
                f"+7 {code} 123-45-67",
                f"+7{code}1234567",
                f"7{code}1234567",
                f"8{code}1234567",
                f"{code} 123-45-67",
                f"({code}) 123-45-67",
            ),
        )
        for code in ("600", "701", "940", "999")
    ]
    + [
        (("+77011234567",), ("7011234567",)),
        (("+79401234567",), ("9401234567",)),
        (("+79991234567",), ("9991234567",)),
        (
            ("+74967123456",),
            (
                "8 (4967) 12-34-56",
                "+7 (4967) 12-34-56",
                "(4967) 12-34-56",
                "8 4967 123456",
                "84967123456",
                "4967123456",
            ),
        ),
        (
            ("+73513051234",),
            (
                "8 (35130) 5-12-34",
                "+7 (35130) 5-12-34",
                "(35130) 5-12-34",
                "8 35130 51234",
                "83513051234",
                "3513051234",
            ),
        ),
    ],
    "two": [
        (
            (FIRST, SECOND),
            (
                "8 916 555-00-01, жена 8 903 765-43-21",
                "8 916 555-00-01/8 903 765-43-21",
                "8 916 555-00-01 / 8 903 765-43-21",
                "8 916 555-00-01;8 903 765-43-21",
                "8 916 555-00-01; 8 903 765-43-21",
                "8 916 555-00-01\n8 903 765-43-21",
                "8 916 555-00-01\r\n8 903 765-43-21",
                "8 916 555-00-01 8 903 765-43-21",
                "+79165550001+79037654321",
            ),
        )
    ],
    "one": [((FIRST,), ("8 916 555-00-01/02", "8 916 555-00-01, 8 916 555-00-01"))],
    "SIP, channel": [
        (
            (MOBILE,),
            (
                "79161234567@pbx2",
                "sip:+79161234567@10.0.0.5",
                "SIP/79161234567-0000a1",
                "Local/89161234567@from-internal-0000001a;1",
                "DAHDI/i1/89161234567-12",
                "sip:79161234567@192.168.10.15:5060",
                "123-45-67, 8 916 123-45-67",
            ),
        )
    ],
    "spreadsheet": [((MOBILE,), ("79161234567.0", 79161234567))],
    "holds": [
        (
            (MOBILE,),
            (
                "７９１６１２３４５６７",
                "８ ９１６ １２３－４５－６７",
                "+7\u2011916\u2011123\u201145\u201167",
                "8 916 123\u201345\u201367",
                "8\u00a0916\u00a0123-45-67",
                "8916\u200b1234567",
                "\u202a+79161234567\u202c",
                "8 916\u202a 123-45-67",
                "моб. 89161234567",
                "WhatsApp 8 916 123-45-67",
                '"Иванов И." <79161234567>',
            ),
        )
    ],
}


@pytest.mark.parametrize(("field", "numbers"), list(rows(NO_NUMBER)))
def test_what_is_no_number_is_never_taken_for_one(field: object, numbers: tuple[str, ...]) -> None:
    assert numbers_in(field) == numbers == ()


@pytest.mark.parametrize(("field", "numbers"), list(rows(NUMBERS)))
def test_numbers_are_found_in_the_field(field: object, numbers: tuple[str, ...]) -> None:
    assert numbers_in(field) == numbers


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, -79161234567, 0, 101, 7916123456, 791612345678),
        *(79161234567.5, -79161234567.0, float("nan"), float("inf"), 1e300, 10**5000),
        *(Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("79161234567.5"), Decimal("1e999999")),
        *([], ["89161234567"], {"phone": "89161234567"}, b"89161234567"),
    ],
    ids=lambda value: f"{type(value).__name__} {str(value)[:20] if not isinstance(value, int) else hex(value)[:20]}",
)
def test_what_is_neither_text_nor_a_whole_number_holds_no_number(value: object) -> None:
    assert numbers_in(value) == ()


@pytest.mark.parametrize("value", [79161234567, 89161234567, 9161234567, 79161234567.0, Decimal("79161234567.00")])
def test_a_field_may_be_a_number(value: object) -> None:
    assert numbers_in(value) == (MOBILE,)


def test_the_first_number_is_the_one_written_first() -> None:
    assert first_number("доб. 101, 8 916 555-00-01, жена 8 903 765-43-21") == FIRST
    assert first_number("Номер скрыт") is None


@pytest.mark.parametrize("value", ["anonymous", "-", "+", "101", "8 916 123-45-6", 0, -1, True, ["89161234567"]])
def test_a_field_that_holds_something_else_lacks_its_number(value: object) -> None:
    assert lacks_number(value)


@pytest.mark.parametrize("value", [None, "", "  ", "\t\n", "\u200b\ufeff", "\x00", "8 916 123-45-67 моб", 79161234567])
def test_an_empty_field_and_one_with_a_number_lack_none(value: object) -> None:
    assert not lacks_number(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (MOBILE, "+79161234568"),
        ("+375291234567", "+79291234567"),
        ("8 916 555-00-01, 8 903 765-43-21", "8 916 123-45-67"),
        ("", ""),
        ("нет", "нет"),
        ("anonymous", "anonymous"),
        ("101", "101"),
        ("123-45-67", "123-45-67"),
        (0, 0),
        ("916123456", "+916123456"),
        # Ten digits, and eleven that begin with 8, are Russian or nothing, whatever country they might be of with a +.
        ("4930123456", "+4930123456"),
        ("81312345678", "+81312345678"),
    ],
)
def test_other_numbers_and_no_numbers_are_not_the_same(one: object, other: object) -> None:
    assert not same_number(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (MOBILE, "8 (916) 123-45-67"),
        ("9161234567", "+7 916 1234567"),
        (79161234567, "89161234567 моб"),
        ("375291234567", "8 10 375 29 123-45-67"),
        ("998 90 123-45-67", "+998901234567"),
        ("8 916 555-00-01, жена 8 903 765-43-21", "+79037654321"),
        ("8 903 765-43-21 (жена)", "8 916 555-00-01; 8 903 765-43-21"),
    ],
)
def test_fields_with_a_number_in_common_are_the_same(one: object, other: object) -> None:
    assert same_number(one, other)
    assert same_number(other, one)


@pytest.mark.parametrize("value", ["", "anonymous", "101", "8 916 123-45-6", 0, None])
def test_without_a_number_there_is_nothing_to_search_for(value: object) -> None:
    assert notations(value) == ()


def test_a_russian_number_is_searched_for_in_four_notations() -> None:
    assert notations("8 (916) 123-45-67 моб") == ("+79161234567", "79161234567", "89161234567", "9161234567")


def test_a_number_from_abroad_is_searched_for_with_and_without_its_plus() -> None:
    assert notations("+375 29 123 45 67") == ("+375291234567", "375291234567")
    assert notations("+1 212 555-2368") == ("+12125552368", "12125552368")
