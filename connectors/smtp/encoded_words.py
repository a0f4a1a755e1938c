"""Texts in headers as encoded words of RFC 2047: at most 75 characters each, cut between characters."""

from __future__ import annotations

import base64
import re

#: RFC 2047 §2: a word is at most so long, and a line that holds one no longer than one character more.
_LONGEST_WORD, _LONGEST_LINE = 75, 76
_FRAME = len("=?utf-8?B??=")
_FOLD = "\r\n "
_PLAIN = re.compile(r"[!-~]([ -~]*[!-~])?")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+( [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def unstructured(text: str, begun: int) -> str:
    """A subject: as it is, or as folded encoded words; ``begun`` characters stand on its first line already."""
    if _PLAIN.fullmatch(text) and "=?" not in text and begun + len(text) <= _LONGEST_LINE:
        return text
    return encoded(text, begun)


def mailbox(name: str, spec: str, begun: int) -> str:
    """``name <spec>``, or the address alone where there is no name."""
    if not name:
        return spec
    if _ATOMS.fullmatch(name) and "=?" not in name and begun + len(name) <= _LONGEST_LINE:
        shown = name
    elif _PLAIN.fullmatch(name) and "=?" not in name and begun + len(name) + 2 <= _LONGEST_LINE:
        shown = '"{}"'.format(name.replace("\\", "\\\\").replace('"', '\\"'))
    else:
        shown = encoded(name, begun)
    last = shown.rpartition(_FOLD)[2]
    before = begun if last == shown else 1
    together = before + len(last) + len(f" <{spec}>") <= _LONGEST_LINE
    return f"{shown} <{spec}>" if together else f"{shown}{_FOLD}<{spec}>"


def encoded(text: str, begun: int) -> str:
    """The text as encoded words, one a line; ``begun`` characters stand on the first line already."""
    words, taken = list[str](), bytearray()
    room = _bytes_in(_LONGEST_LINE - begun)
    for character in text:
        more = character.encode()
        if len(taken) + len(more) > room:
            words.append(_word(taken))
            taken, room = bytearray(), _bytes_in(_LONGEST_WORD)
        taken += more
    return _FOLD.join([*words, _word(taken)] if taken else words)


def _bytes_in(characters: int) -> int:
    return (min(characters, _LONGEST_WORD) - _FRAME) // 4 * 3


def _word(taken: bytes | bytearray) -> str:
    return f"=?utf-8?B?{base64.b64encode(taken).decode()}?="
