"""Compares full names as people read them, however their letters were typed.

No difference is made by case, ё for е, the order of the parts, composed or decomposed letters, invisible signs, kinds
of hyphen, apostrophe and blank, and Latin letters that look like the Cyrillic ones around them.
Sources: Unicode UAX #15 (NFC, stream-safe text), UTS #39 (look-alikes).
"""

from __future__ import annotations

import unicodedata

#: Decomposed letters that look alike in their own case, hence before it is dropped: a small b, k or m is no в, к or м.
_LOOK_ALIKE = str.maketrans("ABCEHIJKMOPSTXYƏaceijopsxyəh", "АВСЕНІЈКМОРЅТХУӘасеіјорѕхуәһ")
_CYRILLIC = (range(0x0400, 0x0530), range(0x1C80, 0x1C90), range(0x2DE0, 0x2E00), range(0xA640, 0xA6A0))
_SELECTORS = (range(0xFE00, 0xFE10), range(0x180B, 0x1810), range(0xE0100, 0xE01F0))
_INVISIBLE_LETTERS = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
_APOSTROPHES = "\u2019\u2018\u201b\u02bc\u02b9\u00b4\u0060\u2032\uff07"
#: UAX #15 lets a letter have so many marks. The library's time grows with the square of a row of them.
_MOST_MARKS = 30


class _Signs(dict[int, str]):
    """What each character counts as, for ``str.translate``."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char)
        if category == "Pd":
            return "-"
        if category in ("Cc", "Zs", "Zl", "Zp"):
            return " "
        return "" if category == "Cf" or any(code in signs for signs in _SELECTORS) else char


_SIGNS = _Signs(
    {
        **dict.fromkeys(map(ord, _INVISIBLE_LETTERS), ""),
        **dict.fromkeys(map(ord, _APOSTROPHES), "'"),
        **dict.fromkeys(map(ord, "\u2212\u2043"), "-"),
        # «Иванов, Иван»; a blank of Braille.
        **dict.fromkeys(map(ord, ",;\u2800"), " "),
    }
)


def same_name(one: str, other: str) -> bool:
    """Whether both are one full name, its parts in any order. A text without a letter is no name, so never the same."""
    key = name_key(one)
    return key != "" and key == name_key(other)


def name_key(text: str) -> str:
    """A key that all ways to write one full name share, to compare and to store; ``""`` for a text without a letter."""
    return " ".join(sorted(name_parts(text)))


def name_parts(text: str) -> tuple[str, ...]:
    """The parts of a full name in their written order, folded for comparing; none for a text without a letter.

    A part without letter and digit, as a hyphen for a missing name, is dropped.
    """
    decomposed = unicodedata.normalize("NFD", _with_few_marks(text))
    words = _with_few_marks(decomposed.translate(_SIGNS)).split()
    if not any(char.isalpha() for word in words for char in word):
        return ()
    parts = (_folded(word) for word in _in_cyrillic(words))
    return tuple(part for part in parts if any(map(str.isalnum, part)))


def _folded(word: str) -> str:
    folded = unicodedata.normalize("NFC", word).casefold()
    return unicodedata.normalize("NFC", folded).replace("ё", "е")


def _in_cyrillic(words: list[str]) -> list[str]:
    """The decomposed words of a name, with look-alikes as Cyrillic letters in words that are Cyrillic then.

    A word of look-alikes alone, as the initials in «Иванов A. B.», follows the others if all of them are Cyrillic.
    """
    turned = [word.translate(_LOOK_ALIKE) for word in words]
    all_cyrillic = all(map(_is_cyrillic, turned)) and any(map(_has_cyrillic, words))
    return [
        new if all_cyrillic or (_has_cyrillic(old) and _is_cyrillic(new)) else old
        for old, new in zip(words, turned, strict=True)
    ]


def _is_cyrillic(word: str) -> bool:
    return all(_has_cyrillic(char) for char in word if char.isalpha())


def _has_cyrillic(text: str) -> bool:
    return any(ord(char) in letters for char in text for letters in _CYRILLIC)


def _with_few_marks(text: str) -> str:
    kept, marks = [], 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MOST_MARKS:
            kept.append(char)
    return "".join(kept)
