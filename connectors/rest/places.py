"""Where each template of a loaded description stands in plugin.toml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.rest.request import Request
from connectors.rest.template import TextTemplate

Place = tuple[str | int, ...]

#: Attributes of the records that are no table of their own in the file.
_SAME_TABLE = frozenset({"request", "find", "records", "answer", "shape"})


def templates_at(value: Any, place: Place = ()) -> Iterator[tuple[Place, TextTemplate]]:
    """Every template with its place."""
    for where, one in _parts(value, place):
        if isinstance(one, TextTemplate):
            yield where, one


def requests_at(value: Any, place: Place = ()) -> Iterator[tuple[Place, Request]]:
    """Every request with the place of its table."""
    for where, one in _parts(value, place):
        if isinstance(one, Request):
            yield where, one


def nested(place: Place, message: str) -> dict[str | int, Any]:
    """A message at this place, as marshmallow nests it."""
    found: Any = [message]
    for step in reversed(place):
        found = {step: found}
    return found  # type: ignore[no-any-return]


def merged(one: Any, other: Any) -> Any:
    """Two sets of nested messages as one; of two at the same place the first."""
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return one
    both = {**other, **one}
    return {key: merged(one[key], other[key]) if key in one and key in other else value for key, value in both.items()}


def _parts(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    yield place, value
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _parts(inner, (*place, key))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _parts(inner, (*place, number))
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            inner = getattr(value, name)
            yield from _parts(inner, place if name in _SAME_TABLE else (*place, _key(value, name)))


def _key(record: Any, name: str) -> str:
    """A condition's value stands under the name of its test."""
    if name == "wanted" and hasattr(record, "test"):
        return str(record.test)
    return "any" if name == "conditions" else name
