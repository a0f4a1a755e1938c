"""Files and pipes as Windows, Macs and Linux write them; what is no text is told with its place."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.common.text_files import NotText, decode, decoded_lines, skip_bom

RUSSIAN = "Имя = «Анна»\r\nзвонить = нет\n"
LATIN = '{"a": 1}\n{"b": 2}\n'
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


# --- what is no text -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "line", "column", "guess"),
    [
        (b"a = 1\nb = '\xff'", 2, 6, "windows-1251"),
        (RUSSIAN.encode("cp1251"), 1, 1, "windows-1251"),
        ("ПРИВЕТ, КЛИЕНТ".encode("cp1251"), 1, 1, "windows-1251"),
        ("Привет, клиент".encode("koi8_r"), 1, 1, "KOI8-R"),
        ("Привет, клиент".encode("cp866"), 1, 1, "cp866"),
        ("я = 'да'\nб = '".encode() + "нет'".encode("cp1251"), 2, 6, "windows-1251"),
        ("Привет".encode()[:-1], 1, 6, "text that was cut off"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", 1, 1, "a binary file"),
        (b"a\xc0\x80\xfe\xfe\xf8\x90", 1, 2, None),
        (codecs.BOM_UTF8 + b"ab\n\xfe\x80\xff", 2, 1, None),
    ],
    ids=ascii,
)
def test_bytes_in_another_encoding_are_told_by_place_and_likeness(
    data: bytes, line: int, column: int, guess: str | None
) -> None:
    with pytest.raises(NotText) as refused:
        decode(data)

    assert (refused.value.line, refused.value.column, refused.value.guess) == (line, column, guess)
    assert str(refused.value).startswith(f"not UTF-8 at line {line}, column {column}")
    assert (guess or "\n") in str(refused.value) or guess is None


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (codecs.BOM_UTF16_LE + "да\nя".encode("utf-16-le") + b"\x3d\xd8\x20\x00", 2, 2),
        (codecs.BOM_UTF16_BE + "да".encode("utf-16-be") + b"\x04", 1, 3),
    ],
)
def test_broken_utf_16_is_told_by_its_place(data: bytes, line: int, column: int) -> None:
    with pytest.raises(NotText, match=f"not UTF-16 at line {line}, column {column}"):
        decode(data)


def test_the_error_carries_nothing_of_the_data() -> None:
    with pytest.raises(NotText) as refused:
        decode("пароль".encode("cp1251"))

    assert refused.value.__context__ is None


# --- what is text ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [RUSSIAN, LATIN, "я", "ab", "Договор № 5 — «да»\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "utf-16", "utf-32"])
def test_every_usual_encoding_is_understood(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("data", [b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_nothing_is_the_empty_text(data: bytes) -> None:
    assert decode(data) == ""


def test_only_one_mark_is_skipped() -> None:
    assert decode(codecs.BOM_UTF8 * 2 + b"a") == "\ufeffa"


def test_a_few_nul_bytes_make_no_utf_16_of_a_text() -> None:
    assert decode(b"one\x00two\x00three") == "one\x00two\x00three"


@settings(deadline=None)
@given(_TEXTS, st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_any_text_with_a_mark_reads_back_the_same(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff")))
def test_any_printable_text_in_utf_8_is_never_taken_for_another_encoding(text: str) -> None:
    assert decode(text.encode()) == text


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_text_or_are_told(data: bytes) -> None:
    refused = None
    try:
        decode(data).encode()
    except NotText as error:
        refused = error
    assert refused is None or (refused.line >= 1 and refused.column >= 1)


def test_the_mark_before_a_body_is_skipped_once_and_only_that_of_utf_8() -> None:
    assert skip_bom(b"\xef\xbb\xbf{}") == b"{}"
    assert skip_bom(b"{}") == b"{}"
    assert skip_bom(b"\xff\xfe{\x00") == b"\xff\xfe{\x00"


# --- line by line ----------------------------------------------------------------------------------


def test_a_line_that_is_no_text_comes_as_an_error_in_its_place() -> None:
    found = list(decoded_lines(io.BytesIO("один\nx".encode() + "два\n".encode("cp1251") + b"three")))

    assert found[0] == "один"
    assert isinstance(found[1], NotText)
    assert (found[1].line, found[1].column, found[1].guess) == (2, 2, "windows-1251")
    assert found[2] == "three"


def test_a_cut_off_last_line_of_utf_16_comes_as_an_error() -> None:
    found = list(decoded_lines(io.BytesIO("да\nнет".encode("utf-16")[:-1])))

    assert found[0] == "да"
    assert isinstance(found[1], NotText)
    assert found[1].line == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_found_in_every_usual_encoding(encoding: str, end: str) -> None:
    # The bytes of these letters, and of two of them together, hold what looks like a line end.
    data = end.join(["{'Њ': 1}", "", "да ਊĀਊ", "last"]).encode(encoding)

    assert list(decoded_lines(io.BytesIO(data))) == ["{'Њ': 1}", "", "да ਊĀਊ", "last"]


def test_lines_come_as_they_come_in() -> None:
    asked = []

    def pipe() -> Iterator[bytes]:
        for line in (b"one\n", b"two\n"):
            asked.append(line)
            yield line

    lines = decoded_lines(pipe())
    assert next(lines) == "one"
    assert asked == [b"one\n"]


def test_nothing_has_no_lines() -> None:
    assert list(decoded_lines(io.BytesIO(b""))) == []


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")), min_size=1, max_size=5),
    st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]),
    st.integers(4, 9),
)
def test_any_lines_are_found_however_the_bytes_come(lines: list[str], encoding: str, size: int) -> None:
    data = "".join(f"{line}\n" for line in lines).encode(encoding)
    chunks = [data[at : at + size] for at in range(0, len(data), size)]

    assert list(decoded_lines(chunks)) == lines
