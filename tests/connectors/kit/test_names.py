"""Full names are the same however their letters were typed, and different wherever a letter is."""

from __future__ import annotations

import time
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.names import name_key, name_parts, same_name

HUNDRED_KB = 100_000
#: Seconds of this process. It takes a tenth of that; the library's own normalisation takes more than a minute.
LONGEST = 8.0


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("bалерия", "Валерия"),
        ("Андреи", "Андрей"),
        ("Нұрлан", "Нурлан"),
        ("Anna Ivanova", "Анна Иванова"),
        ("Иванов Иван", "Иванов Иван Ильич"),
        ("Иванов Иван Ильич", "Иванов Иван Иванович"),
        ("Иванова Иван Иванович", "Иванов Иван Иванович"),
        # Small letters that look like no Cyrillic one, though their capitals do.
        ("kузнецов", "Кузнецов"),
        ("mаксим", "Максим"),
        ("tатьяна", "Татьяна"),
        ("hина", "Нина"),
        # Letters that differ by a mark or stroke are different.
        ("Әлия", "Алия"),
        ("Өмір", "Омір"),
        ("Їжак", "Іжак"),
        ("Ўткир", "Уткир"),
        ("Фéдоров", "Федоров"),
        # A Latin name whose letters all have Cyrillic look-alikes stays Latin.
        ("Xapa", "Хара"),
        ("Cop", "Сор"),
        ("Max", "Мах"),
        ("Петров Anna A", "Петров Anna А"),
        # What no letter looks like makes the word no Cyrillic one.
        ("Иваnов", "Иванов"),
        ("Петров2", "Петров"),
        ("Иванов Иван Иванович", "ИвановИван Иванович"),
        ("Ким-Ли", "Ким Ли"),
        ("Ким-Ли", "КимЛи"),
        ("Иванов Иван Иван", "Иванов Иван"),
        ("Иванов Иван", ""),
    ],
)
def test_names_that_people_read_differently_are_different(one: str, other: str) -> None:
    assert not same_name(one, other)
    assert not same_name(other, one)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "\t\n",
            "\u200b",
            "\u202a\u202c",
            "\u00ad",
            "\ufeff",
            "\u200b\u2060\ufeff",
            "\u3164",
            "\u2800",
            "\u00a0",
        ),
        *(
            "\u034f",
            "\ufe0f",
            "\U000e0101",
            "\x00",
            "\x00\x1f",
            "-",
            "—",
            ".",
            "...",
            "?",
            "123",
            "8 916 123-45-67",
            "🚗",
        ),
        *("\u0301", "\u0301\u0306"),
    ],
    ids=ascii,
)
def test_a_text_without_a_letter_is_no_name(text: str) -> None:
    assert name_key(text) == ""
    assert name_parts(text) == ()
    assert not same_name(text, text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (nfd("Зайцев Андрей"), "Зайцев Андрей"),
        (nfd("Фёдоров"), "Фёдоров"),
        (nfd("Фёдоров"), "Федоров"),
        (nfd("ФЁДОРОВ"), "федоров"),
        ("и\u200d\u0306од", "йод"),
        ("Иванoва", "Иванова"),
        ("Cемёнов", "семенов"),
        ("BАЛЕРИЯ", "Валерия"),
        ("Пет\u00adров", "Петров"),
        ("Пет\u200bров", "Петров"),
        ("\ufeffПетров", "Петров"),
        ("\u202aПетров\u202c", "Петров"),
        ("Пет\u2060ро\u200dв\u200e", "Петров"),
        ("Петров\ufe0f", "Петров"),
        ("Ким\u2011Ли", "Ким-Ли"),
        ("Ким\u2010Ли", "Ким-Ли"),
        ("Ким\u2013Ли", "Ким-Ли"),
        ("Ким\u2014Ли", "Ким-Ли"),
        ("Ким\u2212Ли", "Ким-Ли"),
        ("ИВАНОВ ИВАН", "Иванов Иван"),
        ("Иванов\u00a0Иван", "Иванов Иван"),
        ("Иванов  Иван\t", "Иванов Иван"),
        ("Иванов\u2028Иван", "Иванов Иван"),
        ("Иванов\x00Иван", "Иванов Иван"),
        ("Иванов\r\nИван", "Иванов Иван"),
        ("Алёна Королёва", "Алена Королева"),
        ("иван иванович ИВАНОВ", "Иванов Иван Иванович"),
        ("Иванов, Иван", "Иван Иванов"),
        ("Иванов Иван -", "Иванов Иван"),
        ("Иванов Иван 🚗", "Иванов Иван"),
        # Latin look-alikes, in each case that looks alike, alone in their word too.
        ("ABCEHKMOPTXY Я", "АВСЕНКМОРТХУ Я"),
        ("aceopxy я", "асеорху я"),
        ("Иванов A. B.", "Иванов А. В."),
        ("Петров Cаша", "Петров Саша"),
        ("Фëдоров", "Фёдоров"),
        ("Фëдоров", "Федоров"),
        (nfd("Фëдоров"), "федоров"),
        ("ЁЖИКOВА Ëлка", "Ёжикова Елка"),
        ("Cалтыков-Щeдрин", "Салтыков-Щедрин"),
        ("Iван Iваненко", "Іван Іваненко"),
        ("Әлия Əлиева", "Әлия Әлиева"),
        ("Anna Иванoва", "Anna Иванова"),
        # Apostrophes of typewriters and of word processors.
        ("Мар\u2019яна О\u02bcКоннор", "Мар'яна О'Коннор"),
        ("Noël", nfd("noël")),
        ("Straße", "STRASSE"),
    ],
)
def test_names_that_people_read_alike_are_the_same(one: str, other: str) -> None:
    assert same_name(one, other)
    assert same_name(other, one)
    assert name_key(one) == name_key(other) != ""


def test_a_key_is_in_small_letters_and_its_parts_are_in_order() -> None:
    assert name_key("Фёдоров  Пётр") == "петр федоров"


def test_the_parts_keep_their_order() -> None:
    assert name_parts("ФЁДОРОВ, Пётр") == ("федоров", "петр")


cyrillic = st.text("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїңғүұқөһәў", min_size=1, max_size=12)
names = st.lists(cyrillic, min_size=1, max_size=4).map(" ".join)
anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
invisible = st.sampled_from("\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2066\ufeff\u180e\ufe0f\u3164")
LATIN_OF = str.maketrans("асеорхуіАВСЕНКМОРТХУІ", "aceopxyiABCEHKMOPTXYI")


@given(anything)
def test_any_text_has_a_key(text: str) -> None:
    assert same_name(text, text) == bool(name_key(text))
    assert name_key(text).split() == sorted(name_parts(text))


@given(st.lists(cyrillic, min_size=1, max_size=4), st.data())
def test_the_order_of_the_parts_makes_no_difference(parts: list[str], data: st.DataObject) -> None:
    assert same_name(" ".join(parts), " ".join(data.draw(st.permutations(parts))))


@given(names, st.sampled_from(("NFC", "NFD", "NFKC", "NFKD")))
def test_the_form_of_the_letters_makes_no_difference(name: str, form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> None:
    assert same_name(name, unicodedata.normalize(form, name))


@given(names)
def test_case_makes_no_difference(name: str) -> None:
    assert same_name(name, name.upper())
    assert same_name(name, name.title())


@given(names, invisible, st.data())
def test_an_invisible_sign_anywhere_makes_no_difference(name: str, sign: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(nfd(name))))
    assert same_name(name, nfd(name)[:place] + sign + nfd(name)[place:])


@given(names, st.booleans())
def test_look_alikes_make_no_difference_beside_a_letter_that_is_cyrillic_only(name: str, capitals: bool) -> None:
    name = f"{name.upper() if capitals else name} я"
    assert same_name(name, name.translate(LATIN_OF))


@given(names)
def test_a_key_is_its_own_key(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name)


@given(names, cyrillic)
def test_another_part_makes_another_name(name: str, part: str) -> None:
    assert not same_name(name, f"{name} {part}")


@pytest.mark.parametrize(
    "text",
    [
        "е" + "\u0301\u0323" * (HUNDRED_KB // 2),
        "е" + "\u0301\u200d\u0323\u200d" * (HUNDRED_KB // 4),
        "й" * HUNDRED_KB,
        "а б " * (HUNDRED_KB // 4),
        "\ud800" * HUNDRED_KB,
        "-" * HUNDRED_KB,
    ],
    ids=lambda text: ascii(text[:6]),
)
def test_a_hundred_kilobytes_are_read_in_linear_time(text: str) -> None:
    begin = time.process_time()
    name_key(text)
    assert time.process_time() - begin < LONGEST
