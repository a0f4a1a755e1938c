"""EspoCRM's search parameters as its source reads them: PHP's nested query keys, and the conditions of ``where``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

Record = dict[str, Any]


class BadSearch(ValueError):
    """A condition that EspoCRM refuses (``Core/Select/Where/Checker.php``)."""


def nested(query: Mapping[str, str]) -> Record:
    """``where[0][type]=equals`` as PHP reads it; lists come out as objects with the keys 0, 1, 2."""
    found: Record = {}
    for name, value in query.items():
        path = [part for part in re.split(r"[\[\]]+", name) if part]
        place = found
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = value
    return found


def matches(record: Mapping[str, Any], where: Any, attributes: Collection[str]) -> bool:
    """Whether a record fulfils all conditions. Raises BadSearch for an attribute that the entity has not."""
    # Every condition is checked, also where an earlier one fails already.
    return all([_fulfils(record, item, attributes) for item in (where or {}).values()])


def _fulfils(record: Mapping[str, Any], item: Mapping[str, Any], attributes: Collection[str]) -> bool:
    kind = item["type"]
    if kind in ("or", "and"):
        inner = [_fulfils(record, part, attributes) for part in item["value"].values()]
        return any(inner) if kind == "or" else all(inner)
    attribute = item["attribute"]
    if attribute not in attributes:
        raise BadSearch(f"Not existing attribute '{attribute}' in where.")
    value = item.get("value", "")
    if kind == "in":
        # A list (``Core/Select/Where/ItemGeneralConverter.php``).
        return any(held in value.values() for held in _held(record, attribute))
    return any(_compared(kind, held, value) for held in _held(record, attribute))


def _held(record: Mapping[str, Any], attribute: str) -> list[Any]:
    """What the attribute is compared with: of the phone numbers each, as in ``FieldConverters/Phone.php``."""
    if attribute in ("phoneNumber", "phoneNumberNumeric"):
        numbers = [item["phoneNumber"] for item in record.get("phoneNumberData") or []]
        return [re.sub(r"\D", "", number) for number in numbers] if attribute.endswith("Numeric") else numbers
    return [record.get(attribute)]


def _compared(kind: str, held: Any, value: str) -> bool:
    text = "" if held is None else str(held)
    match kind:
        case "equals":
            return held is not None and text == value
        case "notEquals":
            return held is None or text != value
        case "contains":
            return _like(text, f"%{value}%")
        case "like":
            return _like(text, value)
        case "after" | "greaterThan":
            return held is not None and text > value
        case _:
            raise BadSearch(f"Unknown where type '{kind}'.")


def _like(text: str, pattern: str) -> bool:
    """SQL's LIKE, without regard to case."""
    parts = re.findall(r"\\.|%|_|[^\\%_]+", pattern, re.DOTALL)
    regex = "".join({"%": ".*", "_": "."}.get(part, re.escape(part.removeprefix("\\"))) for part in parts)
    return bool(re.fullmatch(regex, text, re.DOTALL | re.IGNORECASE))
