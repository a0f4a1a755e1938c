"""Where a value stands in a CRM's JSON: ``task.contacts[0].id``, ``users[*].id``, ``["data[FIELDS][ID]"]``.

``[*]`` are all elements of a list, ``.*`` all values of an object whose names are ids.

A path never raises on data: what is not there is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

_STEP = re.compile(
    r"""(?P<dot>\.)?(?:(?P<name>[^.\[\]"\s]+)|\[(?P<index>-?\d{1,6})\]|(?P<all>\[\*\])|\["(?P<quoted>[^"]+)"\])"""
)
_LONGEST = 500


class _All:
    """Every element of a list, or every value of an object."""


_EVERY = _All()
_EVERY_VALUE = _All()
_Step = str | int | _All


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path; the empty one means the data itself."""

    source: str
    _steps: tuple[_Step, ...] = ()

    @classmethod
    def parse(cls, source: str) -> Path:
        """Raises ValueError saying where it cannot be read."""
        if len(source) > _LONGEST:
            raise ValueError(f"longer than {_LONGEST} characters")
        steps: list[_Step] = []
        position = 0
        while position < len(source):
            match = _STEP.match(source, position)
            named = match is not None and match["name"] is not None
            # A dot stands between names and nowhere else.
            if match is None or bool(match["dot"]) != (named and position > 0):
                raise ValueError(f"cannot be read at character {position + 1}; expected e.g. task.contacts[0].id")
            steps.append(_step(match))
            position = match.end()
        return cls(source, tuple(steps))

    @property
    def many(self) -> bool:
        """Whether it leads to a list of values, by ``[*]`` or ``.*``."""
        return _EVERY in self._steps or _EVERY_VALUE in self._steps

    @property
    def head(self) -> str | None:
        """The name that it begins with; None where it begins otherwise."""
        return self._steps[0] if self._steps and isinstance(self._steps[0], str) else None

    def blanked(self, data: Any) -> Any:
        """The data with nothing at this path: where it holds a secret that must not be kept."""
        return _blanked(data, self._steps)

    def get(self, data: Any) -> Any:
        """The value there or None; with ``[*]`` or ``.*`` a list of all values that are there."""
        found = list(_found(data, self._steps))
        if self.many:
            return found
        return found[0] if found else None


def _step(match: re.Match[str]) -> _Step:
    if match["all"]:
        return _EVERY
    if match["index"]:
        return int(match["index"])
    return _EVERY_VALUE if match["name"] == "*" else match["name"] or match["quoted"]


def _found(data: Any, steps: tuple[_Step, ...]) -> Iterator[Any]:
    if not steps:
        if data is not None:
            yield data
        return
    step, rest = steps[0], steps[1:]
    if isinstance(step, _All):
        for item in _each(data, step):
            yield from _found(item, rest)
    elif isinstance(step, int):
        if isinstance(data, list) and -len(data) <= step < len(data):
            yield from _found(data[step], rest)
    elif isinstance(data, dict):
        yield from _found(data.get(step), rest)


def _each(data: Any, step: _All) -> Iterable[Any]:
    if step is _EVERY:
        return data if isinstance(data, list) else ()
    return data.values() if isinstance(data, dict) else ()


def _blanked(data: Any, steps: tuple[_Step, ...]) -> Any:
    if not steps:
        return None
    step, rest = steps[0], steps[1:]
    if isinstance(data, dict):
        return {key: _blanked(inner, rest) if step in (key, _EVERY_VALUE) else inner for key, inner in data.items()}
    if isinstance(data, list):
        number = step + len(data) if isinstance(step, int) and step < 0 else step
        return [_blanked(inner, rest) if number in (at, _EVERY) else inner for at, inner in enumerate(data)]
    return data


def id_in_address(address: str) -> str:
    """The id that an address of a record ends in: ``…/contacts/31``, ``…/contacts(31)``, ``…/contacts('a')``."""
    last = unquote(urlsplit(address.strip()).path.rstrip("/").rpartition("/")[2])
    if last.endswith(")") and "(" in last:
        last = last[last.index("(") + 1 : -1].strip("'")
    return last


def as_text(value: Any) -> str:
    """A value as conditions and mappings spell it: ``true``, ``12``, ``text``; nothing is the empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()


def records_in(data: Any, items: Path, *, scalars: bool = False) -> list[Any] | None:
    """The records under ``items``: a list of them, or a single one; None where neither is there.

    With ``scalars`` a bare number or text is a record too: an id without anything else.
    """
    value = items.get(data)
    kinds = (dict, str, int) if scalars else (dict,)
    if isinstance(value, list):
        return [item for item in value if isinstance(item, kinds) and not isinstance(item, bool)]
    return [value] if isinstance(value, kinds) and not isinstance(value, bool) else None
