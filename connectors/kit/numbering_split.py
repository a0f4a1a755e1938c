"""Splits a segment's groups of digits into phone numbers and notes, so that the fewest digits are left to notes.

A number is made of whole groups. Digits of a note never touch a number by a hyphen or dot; and where they may be digits
too many of the number itself, as in ``8 916 123 45 67 8``, there is no number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from connectors.kit.numbering_plan import MOST_BARE_DIGITS, MOST_DIGITS, with_plus, with_prefix, without_prefix
from connectors.kit.numbering_segments import FEWEST_DIGITS, FEWEST_WITH_PLUS, LeftContext, Segment

#: An undivided number may have its extension, or a channel's own number, behind a hyphen: so many digits at most.
_LONGEST_TAIL = 8
_UNDIVIDED = 11


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A number made of the groups up to ``end``; ``is_bare``: without +, 7, 8 or another prefix."""

    end: int
    number: str
    is_bare: bool


@dataclass(frozen=True, slots=True)
class _Split:
    """One way to split the groups from some place on, as a linked list.

    The split with the fewest digits left to notes is the best, then the one with the fewest bare numbers.
    """

    left: int = 0
    bare: int = 0
    number: str | None = None
    rest: _Split | None = None


def numbers_of(segment: Segment) -> Iterator[str]:
    """The segment's numbers as E.164, in order. The time is linear in the number of groups."""
    split: _Split | None = _Splitter(segment).best()
    while split is not None:
        if split.number is not None:
            yield split.number
        split = split.rest


class _Splitter:
    """Dynamic programming from the segment's end: the best split of the rest, after a note and after a number."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._count = len(segment.groups)
        self._after_note = [_Split()] * (self._count + 1)
        self._after_number: dict[int, _Split | None] = {self._count: _Split()}

    def best(self) -> _Split:
        for place in range(self._count - 1, 0, -1):
            self._after_note[place] = min(self._from_note(place), key=_cost)
        return min(self._from_start(), key=_cost)

    def _from_start(self) -> Iterator[_Split]:
        segment = self._segment
        yield from self._begun(one for one in _candidates(segment, 0) if _may_begin(segment, one))
        if segment.before is LeftContext.PLUS:
            # +7 (8) 916 …: a form's own +7. Any other + that begins no number spoils what follows it.
            yield _Split(left=sum(map(len, segment.groups)))
            second = _candidates(segment, 1, bare=False) if segment.groups[0] in ("7", "8") else ()
        else:
            yield self._with_note(0, self._after_note[1])
            # «X5 916 123-45-67»: the 5 belongs to the word, so even a bare number may follow it.
            parted = segment.before.is_word and self._count > 1 and not segment.is_tight(0)
            second = _candidates(segment, 1) if parted else ()
        for split in self._begun(second):
            yield self._with_note(0, split)

    def _from_note(self, place: int) -> Iterator[_Split]:
        yield self._with_note(place, self._after_note[place + 1])
        # A prefix shows where a number begins; behind a hyphen only that of an undivided number does.
        is_tight = self._segment.is_tight(place - 1)
        candidates = _candidates(self._segment, place, bare=False)
        yield from self._begun(one for one in candidates if not is_tight or one.end == place + 1)

    def _from_number(self, place: int) -> Iterator[_Split]:
        if _may_end(self._segment, place):
            yield self._with_note(place, self._after_note[place + 1])
        yield from self._begun(_candidates(self._segment, place))

    def _begun(self, candidates: Iterable[_Candidate]) -> Iterator[_Split]:
        """The splits that begin with these numbers."""
        for one in candidates:
            if one.end not in self._after_number:
                self._after_number[one.end] = min(self._from_number(one.end), key=_cost, default=None)
            rest = self._after_number[one.end]
            if rest is not None:
                yield _Split(rest.left, rest.bare + one.is_bare, one.number, rest)

    def _with_note(self, place: int, rest: _Split) -> _Split:
        return _Split(len(self._segment.groups[place]) + rest.left, rest.bare, None, rest)


def _cost(split: _Split) -> tuple[int, int]:
    return split.left, split.bare


def _candidates(segment: Segment, place: int, *, bare: bool = True) -> Iterator[_Candidate]:
    """All numbers that the groups from this place on may make; without ``bare`` only those with a prefix."""
    has_plus = place == 0 and segment.before.is_plus
    head = "".join(segment.groups[place : place + 3])[:3]
    lengths = range(FEWEST_WITH_PLUS, MOST_DIGITS + 1) if has_plus else _lengths(head, bare=bare)
    digits = 0
    for end in range(place + 1, len(segment.groups) + 1):
        digits += len(segment.groups[end - 1])
        if digits >= lengths.stop:
            return
        if digits in lengths and not _has_odd_groups(segment, place, end):
            candidate = _candidate(segment, place, end, bare=bare)
            if candidate is not None:
                yield candidate


def _lengths(head: str, *, bare: bool) -> range:
    """How many digits a number that begins so may have: the plan's prefixes, else a number without one."""
    if head.startswith(("810", "00")):
        return range(FEWEST_DIGITS, MOST_DIGITS + 1)
    if bare:
        return range(FEWEST_DIGITS, MOST_BARE_DIGITS + 1)
    return range(FEWEST_DIGITS + 1, FEWEST_DIGITS + 3) if head[:1] in ("7", "8") else range(0)


def _candidate(segment: Segment, place: int, end: int, *, bare: bool) -> _Candidate | None:
    groups = list(segment.groups[place:end])
    before = segment.before if place == 0 else LeftContext.NOTHING
    number = with_plus(groups) if before is LeftContext.PLUS else with_prefix(groups)
    is_bare = False
    if number is None and bare and before is not LeftContext.PLUS and _may_be_bare(segment, place, end):
        number = without_prefix(groups)
        is_bare = number is not None
    if number is None and before is LeftContext.LOOSE_PLUS:
        number = with_plus(groups)
    if number is None:
        return None
    # A Russian prefix fixes how many digits follow; without it the masked ones may be more of them.
    is_open = is_bare or not number.startswith("+7")
    if segment.is_masked and is_open and (place == 0 or end == len(segment.groups)):
        return None
    return _Candidate(end, number, is_bare)


def _may_be_bare(segment: Segment, place: int, end: int) -> bool:
    """Beside other digits, a number without prefix must be undivided or begin with a group of three digits."""
    is_alone = place == 0 and end == len(segment.groups)
    return not segment.is_no_phone and (is_alone or end == place + 1 or len(segment.groups[place]) <= 3)


def _may_begin(segment: Segment, candidate: _Candidate) -> bool:
    """Whether the first group, which a word may touch, is the beginning of this number."""
    if segment.before is LeftContext.MIXED:
        return False
    if segment.before is LeftContext.CYRILLIC:
        return not candidate.is_bare or len(segment.groups[0]) == FEWEST_DIGITS
    return segment.before is not LeftContext.LATIN or not candidate.is_bare


def _has_odd_groups(segment: Segment, place: int, end: int) -> bool:
    """Whether the groups are two local numbers (``23-45-67 12-34-56``) or end in a note (``… 123-45-6 2``)."""
    groups = segment.groups[place:end]
    if len(groups) > 1 and len(groups[-1]) == 1 and any(len(group) > 1 for group in groups):
        return True
    begin = place
    for at in range(place, end - 1):
        if not segment.is_tight(at):
            if _is_local(segment.groups[begin : at + 1]):
                return True
            begin = at + 1
    return False


def _is_local(groups: Sequence[str]) -> bool:
    """Whether these groups, joined by hyphens, are a number without its area: ``123-45-67``, ``5-12-34``."""
    return len(groups) == 3 and len(groups[0]) <= 3 and len(groups[1]) == len(groups[2]) == 2


def _may_end(segment: Segment, place: int) -> bool:
    """Whether a number before this place is complete, so that the digits at this place are a note."""
    groups = segment.groups
    if segment.is_tight(place - 1):
        return len(groups[place - 1]) >= _UNDIVIDED and sum(map(len, _joined(segment, place))) <= _LONGEST_TAIL
    if "(" in segment.gaps[place - 1] or len(groups[place - 1]) >= 5 or segment.is_tight(place - 2):
        return True
    if segment.gaps[place - 1].strip() and not segment.gaps[place - 2].strip():
        return True
    # As the number's own groups are parted: one or two digits more may be a mistake in it.
    note = _joined(segment, place)
    if len(note) > 1 or len(note[0]) > 2:
        return True
    return segment.ends_in_note and place + 1 == len(groups)


def _joined(segment: Segment, place: int) -> list[str]:
    """The group at this place and those that hyphens join to it."""
    groups = [segment.groups[place]]
    while place < len(segment.gaps) and segment.is_tight(place):
        place += 1
        groups.append(segment.groups[place])
    return groups
