"""Mends the texts of parsed JSON, keys included, at any depth.

``json.loads`` lets halves of characters and NUL through, at which databases, digests and encoders stumble later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plugin.common.text import Cleaned, TextFlaw, mend, printable

#: Of a path only so much is told, from its end, and of a key in it: both come from outside.
_MOST_STEPS = 16
_LONGEST_STEP = 60

_Path = tuple["_Path", str | int] | None


@dataclass(frozen=True, slots=True)
class Mended:
    """One text of a tree that was not as it should be.

    ``path`` is dotted, ``card.name`` or ``items.0.name``, and printable; a key that was at fault is named itself, as it
    is now. ``same_key``: two keys became the same and the one at fault was dropped with its value.
    """

    path: str
    what: tuple[TextFlaw, ...]
    same_key: bool = False


@dataclass(frozen=True, slots=True)
class CleanedTree:
    """The tree, a copy, and every text of it that was changed and is worth a warning."""

    value: Any
    mended: tuple[Mended, ...]


def clean_tree(value: Any, each: Callable[[str], Cleaned] = mend) -> CleanedTree:
    """Parsed JSON with every text and key gone through ``each``; other values and the order are kept.

    By default texts are mended only, so that ids, tokens and marks in it come back as they were given; fields that
    people wrote are for ``clean`` once it is known which they are. Where two keys of an object become the same, the one
    that needed no change counts, else the first. Needs no recursion, and time in proportion to the tree.
    """
    root: list[Any] = [None]
    found: list[Mended] = []
    waiting: deque[tuple[Any, Any, Any, _Path]] = deque([(root, 0, value, None)])
    while waiting:
        into, place, inner, path = waiting.popleft()
        if isinstance(inner, str):
            cleaned = each(inner)
            into[place] = cleaned.text
            if cleaned.what:
                found.append(Mended(_told(path), cleaned.what))
        elif isinstance(inner, dict):
            into[place] = {}
            for key, name in _names(inner, each, path, found):
                into[place][name] = None
                waiting.append((into[place], name, inner[key], (path, str(name))))
        elif isinstance(inner, list):
            into[place] = [None] * len(inner)
            waiting.extend((into[place], at, one, (path, at)) for at, one in enumerate(inner))
        else:
            into[place] = inner
    return CleanedTree(root[0], tuple(found))


def _names(
    given: Mapping[Any, Any], each: Callable[[str], Cleaned], path: _Path, found: list[Mended]
) -> Iterator[tuple[Any, Any]]:
    """Each key that stays, and what it is called now."""
    cleaned = {key: each(key) for key in given if isinstance(key, str)}
    taken = {key for key in given if key not in cleaned or cleaned[key].text == key}
    for key in given:
        if key in taken:
            yield key, key
            continue
        name, what = cleaned[key].text, cleaned[key].what
        is_taken = name in taken
        if what or is_taken:
            found.append(Mended(_told((path, name)), what, is_taken))
        if not is_taken:
            taken.add(name)
            yield key, name


def _told(path: _Path) -> str:
    steps: list[str] = []
    while path is not None and len(steps) < _MOST_STEPS:
        path, step = path
        steps.append(printable(str(step)[:_LONGEST_STEP]))
    return ("…." if path is not None else "") + ".".join(reversed(steps))
