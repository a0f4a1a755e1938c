"""Reads a secret or password as people put it into files, pipes and variables, and never shows any of it."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from plugin.common.characters import describe_character
from plugin.common.text import invisible_in
from plugin.common.text_files import NotText, decode

Why = Literal["empty", "not_text", "several_lines", "character"]

_LINE_END = re.compile(r"\r\n?|\n")


class UnusableSecret(ValueError):
    """What was given is no secret. ``str()`` is a predicate, to stand behind what it was read from.

    ``why`` is a stable code. ``character`` and its 1-based ``position`` (without what precedes the secret) are given
    where one character is at fault; nothing else of the secret is told.
    """

    def __init__(self, why: Why, told: str, *, character: str | None = None, position: int | None = None) -> None:
        super().__init__(told)
        self.why = why
        self.character = character
        self.position = position


def secret_text(data: bytes | str, *, first_line: bool = False) -> str:
    """The one line of a secret: a file's or pipe's bytes, or a variable's text. Raises UnusableSecret.

    Around it byte order mark, line ends, blanks of every kind and invisible characters are dropped, as editors and web
    pages leave them there. Inside nothing is changed: what cannot be seen there is refused and named, since nobody
    could type it again. With ``first_line`` the lines after the first one are not looked at, otherwise they are
    refused.
    """
    text = _decoded(data) if isinstance(data, bytes) else _checked(data)
    if first_line:
        text = _LINE_END.split(text, maxsplit=1)[0]
    secret = _without_edges(text)
    if not secret:
        raise UnusableSecret("empty", "is empty")
    if _LINE_END.search(secret):
        raise UnusableSecret("several_lines", "holds several lines where one is expected")
    at = _first_unseen(secret)
    if at is not None:
        named = f"holds {describe_character(secret[at])} as character {at + 1}, which cannot be seen"
        raise UnusableSecret("character", named, character=secret[at], position=at + 1)
    return secret


def _decoded(data: bytes) -> str:
    try:
        return decode(data)
    except NotText as error:
        seems = f" (it looks like {error.guess})" if error.guess else ""
        raise UnusableSecret("not_text", f"is not UTF-8 text{seems}") from None


def _checked(text: str) -> str:
    # What is no UTF-8 in the environment comes as halves of surrogate pairs that hold the bytes themselves.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UnusableSecret("not_text", "is not UTF-8 text")
    return text


def _without_edges(text: str) -> str:
    start, end = 0, len(text)
    while start < end and _is_nothing(text[start]):
        start += 1
    while start < end and _is_nothing(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_nothing(character: str) -> bool:
    """A blank, a line end, or a formatting character such as U+200B and U+FEFF."""
    return character.isspace() or unicodedata.category(character) == "Cf"


def _first_unseen(text: str) -> int | None:
    odd = [at for at, character in enumerate(text) if character != " " and _is_control_or_blank(character)]
    return min([*odd, *(at for at, _ in invisible_in(text))], default=None)


def _is_control_or_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cc"
