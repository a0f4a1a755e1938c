"""Merges parsed rules by field: keys of tables, and elements of lists that are known by a name. Pure."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final


class Absent(Enum):
    """Stands for a value that is not there."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
#: The field of a list's element that tells it from the others; the first of these that it has.
_NAMES = ("id", "name", "value", "fault")
#: Tables whose meaning is that of all their keys together: two halves of two conditions are a third one.
_WHOLE = frozenset({"when", "conclude", "facts"})
#: The place of the order of a list's elements.
ORDER = "порядок"

#: Keys from the file on; an element of a list is ``«its name»``.
FieldPlace = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RulesChange:
    """One field that changed: in which file, where in it, and its two values; ABSENT where it is not there."""

    file: str
    place: FieldPlace
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """One field that both sides changed, each in its own way: what it was, and both values."""

    file: str
    place: FieldPlace
    base: Any
    mine: Any
    theirs: Any


@dataclass(frozen=True, slots=True)
class _Sides:
    base: Any
    mine: Any
    theirs: Any

    def inner(self, key: str) -> _Sides:
        return _Sides(*(_of(side, key) for side in (self.base, self.mine, self.theirs)))


def merge_fields(file: str, base: Any, mine: Any, theirs: Any) -> tuple[Any, list[FieldConflict]]:
    """One file's parsed content of three sides, ABSENT where a side lacks the file → merged, conflicts.

    A conflicting field is as ``mine`` has it in the result.
    """
    found: list[FieldConflict] = []
    sides = _Sides(base, mine, theirs)
    if base is ABSENT and isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        # Two people may begin the same file: its tables are what they can be at odds about.
        sides = _Sides({}, mine, theirs)
    return _merged(file, (), sides, found), found


def field_changes(file: str, old: Any, new: Any) -> Iterator[RulesChange]:
    """Every field that differs between two states of one file, each as small as ``merge_fields`` tells them apart."""
    empty: Mapping[str, Any] = {}
    if ABSENT in (old, new) and old != new:
        old, new = (empty if side is ABSENT else side for side in (old, new))
    yield from _changes(file, (), old, new)


def named_elements(value: Any) -> dict[Hashable, Any] | None:
    """The elements of a list by what tells them apart; None where the list is not one of distinct named tables."""
    if not isinstance(value, list) or not value:
        return None
    found: dict[Hashable, Any] = {}
    for element in value:
        key = _element_key(element)
        if key is None or key in found:
            return None
        found[key] = element
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same in TOML: ``1`` is not ``true``, and the order of a table's keys says nothing."""
    return one is other or (ABSENT not in (one, other) and _canonical(one) == _canonical(other))


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _of(side: Any, key: str) -> Any:
    return side.get(key, ABSENT) if isinstance(side, Mapping) else ABSENT


def _element_key(element: Any) -> Hashable | None:
    if not isinstance(element, Mapping):
        return None
    name = next((name for name in _NAMES if name in element), None)
    if name is None or not isinstance(element[name], str | int | float | bool):
        return None
    return (name, type(element[name]).__name__, element[name])


def _shown(key: Hashable) -> str:
    return f"«{_plain(key)}»"


def _plain(key: Hashable) -> str:
    value = key[2] if isinstance(key, tuple) else key
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- merging ---------------------------------------------------------------------------------------


def _merged(file: str, place: FieldPlace, sides: _Sides, found: list[FieldConflict]) -> Any:
    base, mine, theirs = sides.base, sides.mine, sides.theirs
    if same(mine, theirs) or same(theirs, base):
        return mine
    if same(mine, base):
        return theirs
    if not (place and place[-1] in _WHOLE):
        if all(isinstance(side, Mapping) for side in (base, mine, theirs)):
            keys = dict.fromkeys((*mine, *theirs))
            merged = {key: _merged(file, (*place, key), sides.inner(key), found) for key in keys}
            return {key: value for key, value in merged.items() if value is not ABSENT}
        elements = [named_elements(side) for side in (base, mine, theirs)]
        if elements[0] is not None and elements[1] is not None and elements[2] is not None:
            return _merged_list(file, place, (elements[0], elements[1], elements[2]), found)
    found.append(FieldConflict(file, place, base, mine, theirs))
    return mine


_Elements = dict[Hashable, Any]


def _merged_list(
    file: str, place: FieldPlace, elements: tuple[_Elements, _Elements, _Elements], found: list[FieldConflict]
) -> list[Any]:
    _, mine, theirs = elements
    values: _Elements = {}
    for key in dict.fromkeys((*mine, *theirs)):
        sides = _Sides(*(side.get(key, ABSENT) for side in elements))
        value = _merged(file, (*place, _shown(key)), sides, found)
        if value is not ABSENT:
            values[key] = value
    return [values[key] for key in _order(file, place, elements, values, found)]


def _order(
    file: str,
    place: FieldPlace,
    elements: tuple[_Elements, _Elements, _Elements],
    values: _Elements,
    found: list[FieldConflict],
) -> list[Hashable]:
    """The merged order: that of the side which changed it; what only the other side has follows its predecessor."""
    base, mine, theirs = elements
    common = [key for key in base if key in mine and key in theirs]
    orders = [[key for key in side if key in common] for side in elements]
    moved = orders[1] != orders[0]
    if moved and orders[2] not in (orders[0], orders[1]):
        told = [[_plain(key) for key in order] for order in orders]
        found.append(FieldConflict(file, (*place, ORDER), *told))
    first, second = (mine, theirs) if moved or orders[2] == orders[0] else (theirs, mine)
    result = [key for key in first if key in values]
    return inserted(result, [key for key in second if key in values])


def inserted(order: Sequence[Hashable], others: Sequence[Hashable]) -> list[Hashable]:
    """``order`` with what only ``others`` have, each after the one that it follows there."""
    result = list(order)
    for index, key in enumerate(others):
        if key not in result:
            before = next((one for one in reversed(others[:index]) if one in result), None)
            result.insert(0 if before is None else result.index(before) + 1, key)
    return result


# --- telling ---------------------------------------------------------------------------------------


def _changes(file: str, place: FieldPlace, old: Any, new: Any) -> Iterator[RulesChange]:
    if same(old, new):
        return
    if not (place and place[-1] in _WHOLE):
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            for key in dict.fromkeys((*old, *new)):
                yield from _changes(file, (*place, key), _of(old, key), _of(new, key))
            return
        before, after = named_elements(old), named_elements(new)
        if before is not None and after is not None:
            for name in dict.fromkeys((*before, *after)):
                yield from _changes(file, (*place, _shown(name)), before.get(name, ABSENT), after.get(name, ABSENT))
            orders = [
                [_shown(key).strip("«»") for key in one if key in other]
                for one, other in ((before, after), (after, before))
            ]
            if orders[0] != orders[1]:
                yield RulesChange(file, (*place, ORDER), *orders)
            return
    yield RulesChange(file, place, old, new)
