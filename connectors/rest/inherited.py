"""Tables that are like another: ``like = "find.comment"`` takes its keys, ``shape = "person"`` those of [shape.person].

What a table gives itself goes before, table by table, as with a profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.rest.places import Place, nested
from connectors.rest.profiles import laid_over
from connectors.rest.syntax import suggestion

_DEEPEST = 20
_SHAPE_KEYS = ("name", "phones", "emails", "url")


class BadInheritance(ValueError):
    """A table that cannot be like what it names; ``messages`` are nested by place."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.messages = nested(place, message)


def expanded(description: Mapping[str, Any]) -> dict[str, Any]:
    """The description with every table in full, without [shape]. Raises BadInheritance."""
    shapes = description.get("shape", {})
    if not isinstance(shapes, Mapping):
        raise BadInheritance(("shape",), "not a table of shapes")
    for name, shape in shapes.items():
        _check_shape(name, shape)
    used: set[str] = set()
    full: dict[str, Any] = _expanded(description, (), description, used, ())
    unused = sorted(shapes.keys() - used)
    if unused:
        raise BadInheritance(("shape", unused[0]), "has no effect: no table has this shape")
    full.pop("shape", None)
    return full


def _check_shape(name: str, shape: Any) -> None:
    if not isinstance(shape, Mapping):
        raise BadInheritance(("shape", name), "not a table")
    for key in shape:
        if key not in _SHAPE_KEYS:
            raise BadInheritance(("shape", name, key), f"unknown key{suggestion(str(key), _SHAPE_KEYS)}")


def _expanded(value: Any, place: Place, root: Mapping[str, Any], used: set[str], way: tuple[Place, ...]) -> Any:
    if isinstance(value, list):
        return [_expanded(one, (*place, number), root, used, way) for number, one in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    own = dict(value)
    # In a body, a query or the like these are the CRM's own names.
    if _is_described(place):
        for source in _sources(own, place):
            if source[0] == "shape":
                used.add(str(source[1]))
            if source in way or len(way) > _DEEPEST:
                raise BadInheritance((*place, "like"), "is like itself")
            other = _expanded(_at(root, source, place), source, root, used, (*way, source))
            own = laid_over(other, own)
    return {key: _expanded(inner, (*place, key), root, used, way) for key, inner in own.items()}


def _is_described(place: Place) -> bool:
    return not {"json", "form", "query", "headers", "values", "constants", "card_types"} & {*place}


def _sources(own: dict[str, Any], place: Place) -> list[Place]:
    found: list[Place] = []
    if "like" in own:
        named = own.pop("like")
        if not isinstance(named, str) or not named:
            raise BadInheritance((*place, "like"), "not the name of a table such as find.comment")
        found.append(tuple(named.split(".")))
    if isinstance(own.get("shape"), str) and place:
        found.append(("shape", own.pop("shape")))
    return found


def _at(root: Mapping[str, Any], source: Place, place: Place) -> Any:
    here: Any = root
    for step in source:
        if not isinstance(here, Mapping) or not isinstance(here.get(str(step)), Mapping):
            known = [str(key) for key, inner in here.items() if isinstance(inner, Mapping)] if here else []
            key = "shape" if source[0] == "shape" else "like"
            raise BadInheritance(
                (*place, key), f"no table {'.'.join(map(str, source))!r}{suggestion(str(step), known)}"
            )
        here = here[str(step)]
    return here
