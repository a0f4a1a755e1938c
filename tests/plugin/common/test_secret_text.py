"""Secrets from files, pipes and variables: editors' traces around them are dropped, hidden ones inside are refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.common.secret_text import UnusableSecret, secret_text

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.mark.parametrize(
    ("data", "why", "told"),
    [
        (b"", "empty", "is empty"),
        (b"\xef\xbb\xbf \r\n\xe2\x80\x8b", "empty", "is empty"),
        (b"one\ntwo", "several_lines", "holds several lines where one is expected"),
        (b"one\r\rtwo", "several_lines", "holds several lines where one is expected"),
        ("пароль".encode("cp1251"), "not_text", "is not UTF-8 text (it looks like windows-1251)"),
        (b"\xfe\xfe\xf8", "not_text", "is not UTF-8 text"),
        ("pass\udcc8", "not_text", "is not UTF-8 text"),
        ("pass\u200bword", "character", "holds U+200B ZERO WIDTH SPACE as character 5, which cannot be seen"),
        (" pass\u00a0word", "character", "holds U+00A0 NO-BREAK SPACE as character 5, which cannot be seen"),
        ("pass\tword", "character", "holds U+0009 TAB as character 5, which cannot be seen"),
        ("pass\x00word", "character", "holds U+0000 NULL as character 5, which cannot be seen"),
        ("pass\u00adword", "character", "holds U+00AD SOFT HYPHEN as character 5, which cannot be seen"),
        ("pass\u3164word", "character", "holds U+3164 HANGUL FILLER as character 5, which cannot be seen"),
        ("pass\u202eword\u00a0x", "character", "holds U+202E RIGHT-TO-LEFT OVERRIDE as character 5"),
    ],
    ids=ascii,
)
def test_what_is_no_secret_is_refused_by_name_and_not_shown(data: bytes | str, why: str, told: str) -> None:
    with pytest.raises(UnusableSecret) as refused:
        secret_text(data)

    assert refused.value.why == why
    assert str(refused.value).startswith(told)
    assert "pass" not in repr(refused.value)
    assert "word" not in repr(refused.value)


def test_the_character_at_fault_can_be_told_in_another_language() -> None:
    with pytest.raises(UnusableSecret) as refused:
        secret_text("\ufeff ab\u200bc")

    assert (refused.value.character, refused.value.position) == ("\u200b", 3)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "around", ["{}", "{}\n", "{}\r\n", "\n {}\t\r\n\r\n", "\u00a0{}\u00a0\n", "\u200b{}\u200b\ufeff"]
)
def test_what_editors_and_web_pages_leave_around_a_secret_is_dropped(encoding: str, around: str) -> None:
    assert secret_text(around.format(SECRET).encode(encoding)) == SECRET


def test_a_variable_is_read_like_a_file() -> None:
    assert secret_text(f"\ufeff{SECRET}\u00a0\n") == SECRET


@pytest.mark.parametrize(
    "secret", ["correct horse battery", "пароль Ёж", "e\u0301", "❤️", "👩‍🚀", "“x”", "\ue000"], ids=ascii
)
def test_what_can_be_seen_stays_to_the_byte(secret: str) -> None:
    assert secret_text(f"{secret}\n".encode()) == secret


def test_of_a_pipe_the_first_line_can_be_taken() -> None:
    assert secret_text("pass word\r\npass word\r\n".encode("utf-16"), first_line=True) == "pass word"


def test_an_empty_first_line_is_no_secret() -> None:
    with pytest.raises(UnusableSecret, match="is empty"):
        secret_text(b"\nlater", first_line=True)


@settings(deadline=None)
@given(st.binary() | st.text(st.characters(exclude_categories=())), st.booleans())
def test_anything_is_a_secret_of_one_line_or_is_refused(data: bytes | str, first_line: bool) -> None:
    try:
        secret = secret_text(data, first_line=first_line)
    except UnusableSecret as error:
        told = str(error)
    else:
        assert secret
        assert secret == secret.strip()
        assert len(secret.splitlines()) == 1
        told = secret_text(secret)
        assert told == secret
    assert not any(ord(character) < 0x20 for character in told)
