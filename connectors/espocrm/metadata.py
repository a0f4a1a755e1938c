"""What EspoCRM's metadata says of the fields that facts come from: whether they can be relied on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import CardFieldState, Check
from connectors.espocrm.settings import CARD_FIELD
from connectors.kit.card_fields import card_field_state
from connectors.kit.checks import unmapped
from connectors.kit.mapping import FactField
from connectors.protocol.check import point

#: The definitions of an entity's fields, by field: ``entityDefs.<entity>.fields``.
Fields = Mapping[str, Mapping[str, Any]]


def mapped_field(item: FactField, owners: Mapping[str, Fields]) -> list[Check]:
    """The points of one mapped field; ``owners`` are the entities that may have it."""
    name = item.field.removeprefix(CARD_FIELD)
    found = {entity: fields[name] for entity, fields in owners.items() if isinstance(fields.get(name), Mapping)}
    exists = Check(
        f"field {item.field} exists",
        bool(found),
        "" if found else f"Create {entered(name)} in the Entity Manager of {' or '.join(owners)}, or correct the field",
    )
    points = [exists]
    for entity, field in found.items():
        points += [_complete(item, entity, field), _neutral(item, entity, field)]
        if item.field.startswith(CARD_FIELD):
            audited = field.get("audited") is True
            remedy = f"Tick Audited at {entity}.{name}: only the stream tells which answers are of this call"
            points.append(point(f"changes of {entity}.{name} are recorded", audited, remedy))
    return points


def card_field(item: FactField, owners: Sequence[Fields]) -> CardFieldState:
    """What the kinds of card say of a declared field: whether one has it, and the options of those that do."""
    found = [fields[item.field] for fields in owners if isinstance(fields.get(item.field), Mapping)]
    options = dict.fromkeys(option for field in found for option in _options(field) if option)
    return card_field_state(item, bool(found), [(option, (option,)) for option in options] or None)


def entered(name: str) -> str:
    """What an admin enters to get a field of this name: the CRM puts a c before the names of fields that are added."""
    own = name.removeprefix("c")
    return own[:1].lower() + own[1:] if own[:1].isupper() else name


def _complete(item: FactField, entity: str, field: Mapping[str, Any]) -> Check:
    """Whether every value that the field can have means something."""
    name = f"all values of {entity}.{item.field.removeprefix(CARD_FIELD)} are mapped"
    missing = unmapped(item, [(value, (value,)) for value in _options(field) if value])
    return point(name, not missing, f"Map in plugin.toml, values of the fact {item.fact!r}: {', '.join(missing)}")


def _neutral(item: FactField, entity: str, field: Mapping[str, Any]) -> Check:
    """Whether a field that nobody has touched says nothing: else every call would answer."""
    default = _default(field)
    silent = default == "" or default in item.empty
    name = f"an untouched {entity}.{item.field.removeprefix(CARD_FIELD)} says nothing"
    remedy = (
        f"Let it be a dropdown whose first option is empty, or add {default!r} to the fact's list `empty`: "
        "an answer that nobody gave would count"
    )
    return point(name, silent, remedy)


def _options(field: Mapping[str, Any]) -> Sequence[str]:
    if field.get("type") == "bool":
        return ("true", "false")
    options = field.get("options")
    return [str(option) for option in options] if isinstance(options, list) else []


def _default(field: Mapping[str, Any]) -> str:
    """What a new record has in the field, as the mapping spells it."""
    default = field.get("default")
    if field.get("type") == "bool":
        return "true" if default is True else "false"
    if isinstance(default, str):
        return default
    # A dropdown without a default begins with its first option.
    options = _options(field) if field.get("type") == "enum" else ()
    return options[0] if options else ""
