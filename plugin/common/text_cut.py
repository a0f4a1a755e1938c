"""Cuts text to a number of characters without cutting through what a reader takes for one character."""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200c\u200d"
_SELECTORS = "\ufe0e\ufe0f"
#: No writing has longer ones; a longer one is cut through, so that text made of nothing else is not lost whole.
_LONGEST_CLUSTER = 64


def cut(text: str, limit: int) -> str:
    """The first ``limit`` characters (code points), fewer where a combining sequence or emoji would be cut through.

    Blanks that end up last are dropped. Covered are combining marks, joiners, variation selectors, skin tones and
    flags, which is Unicode UAX #29 without its rules for old Korean and for conjuncts of Indic scripts.
    """
    if len(text) <= limit:
        return text
    if limit <= 0:
        return ""
    for end in range(limit, max(0, limit - _LONGEST_CLUSTER), -1):
        if _is_boundary(text, end):
            return text[:end].rstrip()
    return text[:limit].rstrip(_JOINERS + _SELECTORS).rstrip()


def _is_boundary(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if _extends(after) or before in _JOINERS:
        return False
    return not (_is_flag_letter(before) and _is_flag_letter(after) and _flag_letters_before(text, at) % 2)


def _extends(character: str) -> bool:
    is_skin_tone = "\U0001f3fb" <= character <= "\U0001f3ff"
    return is_skin_tone or character in _JOINERS or unicodedata.category(character)[0] == "M"


def _is_flag_letter(character: str) -> bool:
    """A regional indicator: two of them make one flag."""
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_letters_before(text: str, at: int) -> int:
    start = at
    while start and _is_flag_letter(text[start - 1]):
        start -= 1
    return at - start
