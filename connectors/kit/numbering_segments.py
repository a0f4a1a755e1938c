"""Cuts a plain text into segments: groups of digits with only blanks, hyphens, dots and brackets between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

_DIGITS = re.compile(r"[0-9]+")
_JOINS = re.compile(r"(?:[ ()~-]|\.(?!\.))+")
_TIGHT = re.compile(r"[.~-]+")
_PLUS = re.compile(r"\+ ?\(?$")
_WORD_BEFORE = re.compile(r"([^\W\d_]+)([-_=]?)$")
_LABELS = re.compile(
    r"(?:тел|моб|сот|раб|дом|гор|факс|вайбер|ватсап|вотсап|номер|tel|phone|mob|cell|fax|wa$|whats|viber|telegram|tg$|call"
    r"|num|[тмдфtmnf]$)",
    re.IGNORECASE,
)
_NO_PHONE = re.compile(
    r"(?<![^\W_])(?:инн|кпп|огрн|огрнип|снилс|окпо|бик|р/с|к/с|сч[её]та?|карт[аыу]|паспорта?|vin|договора?|заказа?|заявк[аи]"
    r"|inn|passport|card|order|invoice|id|ид)[\s:.№#-]*$",
    re.IGNORECASE,
)
_MASK = r"[xх*•●_?]"
_MASK_BEFORE = re.compile(rf"{_MASK}{{2}}[ ().-]*$", re.IGNORECASE)
_MASK_AFTER = re.compile(rf"[ ().-]{{0,8}}(?:{_MASK}{{2}}|[xх](?![^\W_]))|_(?![0-9])", re.IGNORECASE)
_ID_AFTER = re.compile(r"(?!ext)[a-z]{1,12}[0-9_]", re.IGNORECASE)
_WORD_AFTER = re.compile(r"[ -]?([^\W\d_]+)")
_MARKER_AFTER = re.compile(r"[.)/:] ?[+(]?[0-9]")
_WINDOW = 24
#: Digits of the shortest number that can be told from others, and of the shortest from abroad, which has a +.
FEWEST_DIGITS = 10
FEWEST_WITH_PLUS = 7
#: Twenty numbers in a row. More groups without a letter or comma among them are a table, no field of numbers.
_MOST_GROUPS = 100


class LeftContext(Enum):
    """The text right before a segment's first digit."""

    NOTHING = "nothing"
    PLUS = "plus"
    #: ``+`` and a blank, which may also say «and».
    LOOSE_PLUS = "loose plus"
    CYRILLIC = "cyrillic"
    LATIN = "latin"
    #: Letters and digits mixed: a number plate, an id.
    MIXED = "mixed"

    @property
    def is_plus(self) -> bool:
        return self in (LeftContext.PLUS, LeftContext.LOOSE_PLUS)

    @property
    def is_word(self) -> bool:
        return self in (LeftContext.CYRILLIC, LeftContext.LATIN, LeftContext.MIXED)


@dataclass(frozen=True, slots=True)
class Segment:
    """Groups of digits, the gaps between them and what the text around them says.

    ``is_no_phone``: the words around it name something else, a taxpayer or an order. ``is_masked``: signs around it
    stand for hidden digits. ``ends_in_note``: the last group belongs to the word or list that follows.
    """

    groups: tuple[str, ...]
    gaps: tuple[str, ...]
    before: LeftContext
    is_no_phone: bool
    is_masked: bool
    ends_in_note: bool

    def is_tight(self, gap: int) -> bool:
        """Whether this gap holds neither a blank nor a bracket."""
        return _TIGHT.fullmatch(self.gaps[gap]) is not None


def segments(text: str) -> Iterator[Segment]:
    """The segments of a plain text that may hold a number, in order."""
    groups: list[str] = []
    gaps: list[str] = []
    begin = end = depth = 0
    for match in _DIGITS.finditer(text):
        gap = text[end : match.start()]
        if groups and _JOINS.fullmatch(gap) and not _is_list_mark(gap, groups[-1], depth):
            gaps.append(gap)
        else:
            yield from _segment(text, begin, end, groups, gaps)
            groups, gaps, begin = [], [], match.start()
        groups.append(match[0])
        depth = 0 if "\n" in gap else max(0, depth + gap.count("(") - gap.count(")"))
        end = match.end()
    yield from _segment(text, begin, end, groups, gaps)


def _is_list_mark(gap: str, before: str, depth: int) -> bool:
    """``1) 8 916 …``, or the end of a sentence."""
    return ". " in gap or (depth == 0 and gap.startswith(")") and len(before) <= 2)


def _segment(text: str, begin: int, end: int, groups: list[str], gaps: list[str]) -> Iterator[Segment]:
    if len(groups) > _MOST_GROUPS or sum(map(len, groups)) < FEWEST_WITH_PLUS:
        return
    left, right = text[max(0, begin - _WINDOW) : begin], text[end : end + _WINDOW]
    word = _WORD_AFTER.match(right)
    yield Segment(
        groups=tuple(groups),
        gaps=tuple(gaps),
        before=_before(left),
        is_no_phone=_NO_PHONE.search(left) is not None or _ID_AFTER.match(right) is not None,
        is_masked=_MASK_BEFORE.search(left) is not None or _MASK_AFTER.match(right) is not None,
        ends_in_note=_MARKER_AFTER.match(right) is not None or (word is not None and not _LABELS.match(word[1])),
    )


def _before(left: str) -> LeftContext:
    plus = _PLUS.search(left)
    if plus:
        return LeftContext.LOOSE_PLUS if " " in plus[0] else LeftContext.PLUS
    word = _WORD_BEFORE.search(left)
    if word is None or _LABELS.match(word[1]):
        return LeftContext.NOTHING
    if left[: word.start()][-1:].isdigit():
        return LeftContext.MIXED
    if word[1].isascii():
        return LeftContext.LATIN
    return LeftContext.NOTHING if word[2] else LeftContext.CYRILLIC
