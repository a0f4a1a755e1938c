"""Describes a connector by its class alone: its abilities, its settings, its checklist."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import Schema, fields, missing, validate

from connectors.base import Connector, Limits
from connectors.http.settings import limits_of

#: How deep tables in tables are listed.
_DEEPEST = 3
_TYPES: tuple[tuple[type[fields.Field[Any]], str], ...] = (
    (fields.Boolean, "true or false"),
    (fields.Integer, "whole number"),
    (fields.Float, "number"),
    (fields.Nested, "table"),
    (fields.List, "list"),
    (fields.Mapping, "table"),
    (fields.String, "text"),
)
_ASSIGNED = re.compile(r"\s+(\w+)\s*(?::[^=]+)?=")


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of ``[crm.<name>]``; ``default`` None: there is none to show. ``about`` is the class's own comment."""

    key: str
    type: str
    required: bool
    secret: bool
    default: Any
    about: str


@dataclass(frozen=True, slots=True)
class Ability:
    """What a connector can do. None: it depends on the account's settings."""

    name: str
    about: str
    sends_mail: bool | None
    most_writes: int | None
    repeats_events: bool | None
    catches_up: bool | None
    frames: bool
    removes: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a connector's checklist: done, todo or exempt, and why."""

    name: str
    state: str
    why: str


def ability_of(kind: type[Connector]) -> Ability:
    """What connectors of this class can do."""
    package = sys.modules.get(kind.__module__.rpartition(".")[0])
    sentence, _, _ = " ".join(_plain((package and package.__doc__) or kind.__doc__ or "").split()).partition(". ")
    return Ability(
        kind.name,
        sentence.rstrip("."),
        _flag(kind, "sends_mail"),
        _number(kind.most_writes),
        _flag(kind, "repeats_events"),
        _flag(kind, "catches_up"),
        kind.open_frame is not Connector.open_frame,
        _removed(kind),
    )


def settings_of(kind: type[Connector]) -> list[Setting]:
    """Every key that an account of this class takes, those that must be given first."""
    return list(_settings(kind.Settings(), ""))


def usual_limits(kind: type[Connector]) -> Limits | None:
    """The limits of an account that sets none; None where they depend on other settings."""
    defaults = {name: _default(field) for name, field in kind.Settings().fields.items()}
    try:
        return limits_of(defaults)
    except KeyError:
        return None


def folder_of(kind: type[Connector]) -> Path:
    """Where the connector's README.md and quality.toml lie."""
    return Path(inspect.getfile(kind)).parent


def checklist_of(kind: type[Connector]) -> list[Item]:
    """The items of its quality.toml; none where it has none."""
    try:
        data = tomllib.loads((folder_of(kind) / "quality.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return []
    return items_of(data)


def items_of(data: Mapping[str, Any]) -> list[Item]:
    """The items of a checklist: tables ``[item.<name>]`` with ``done``, or why it is ``exempt`` or ``todo``."""
    tables = data.get("item")
    return [_item(name, table) for name, table in tables.items()] if isinstance(tables, Mapping) else []


# --- details ---------------------------------------------------------------------------------------


def _flag(kind: type[Connector], flag: str) -> bool | None:
    """The class's value, unless instances set it themselves."""
    value = inspect.getattr_static(kind, flag)
    return value if isinstance(value, bool) and not _is_set(kind, flag) else None


def _removed(kind: type[Connector]) -> tuple[str, ...] | None:
    value = inspect.getattr_static(kind, "removes")
    return tuple(sorted(value)) if isinstance(value, frozenset) and not _is_set(kind, "removes") else None


def _is_set(kind: type[Connector], attribute: str) -> bool:
    """Whether instances of the class set an attribute of it themselves."""
    return re.search(rf"\bself\.{attribute}\s*=", inspect.getsource(kind)) is not None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _settings(schema: Schema, path: str, depth: int = 1) -> Iterator[Setting]:
    comments = _comments(type(schema))
    for attribute, field in sorted(schema.fields.items(), key=lambda one: not one[1].required):
        key = f"{path}{field.data_key or attribute}"
        about = _plain(str(field.metadata.get("description") or comments.get(attribute, "")))
        secret = bool(field.metadata.get("secret"))
        yield Setting(key, _type(field), field.required, secret, None if secret else _default(field), about)
        inner, step = _inner(field)
        if inner is not None and depth < _DEEPEST:
            yield from _settings(inner, f"{key}{step}.", depth + 1)


def _inner(field: fields.Field[Any]) -> tuple[Schema | None, str]:
    """The schema of the tables in a field, and the placeholder for their names."""
    if isinstance(field, fields.Nested):
        return field.schema, "[]" if field.many else ""
    if isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):
        return field.inner.schema, "[]"
    values = getattr(field, "value_field", None)
    return (values.schema, ".<name>") if isinstance(values, fields.Nested) else (None, "")


def _type(field: fields.Field[Any]) -> str:
    said = field.metadata.get("allowed")
    if said:
        return str(said)
    choices = next((one.choices for one in field.validators if isinstance(one, validate.OneOf)), None)
    if choices is not None:
        return " | ".join(str(choice) for choice in choices)
    name = next((name for kind, name in _TYPES if isinstance(field, kind)), "value")
    bounds = next((one for one in field.validators if isinstance(one, validate.Range)), None)
    if bounds is None or bounds.max is None:
        return name
    least = f"{bounds.min:g}" if bounds.min_inclusive else f"above {bounds.min:g}"
    return f"{name}, {least} to {bounds.max:g}"


def _default(field: fields.Field[Any]) -> Any:
    value = field.load_default
    if value is missing or value is None:
        return None
    found = value() if callable(value) else value
    return found if isinstance(found, str | int | float | bool | list | tuple | dict) and found != () else None


def _comments(schema: type[Schema]) -> dict[str, str]:
    """What ``#:`` says above each field, in the class and those that it is made from."""
    found: dict[str, str] = {}
    for one in reversed(schema.__mro__):
        if issubclass(one, Schema) and one is not Schema:
            try:
                found |= _above(inspect.getsource(one))
            except (OSError, TypeError):
                continue
    return found


def _above(source: str) -> Iterator[tuple[str, str]]:
    said: list[str] = []
    for line in textwrap.dedent(source).splitlines():
        text = line.strip()
        if text.startswith("#:"):
            said.append(text.removeprefix("#:").strip())
            continue
        if said and (assigned := _ASSIGNED.match(line)):
            yield assigned[1], " ".join(said)
        said = []


def _plain(text: str) -> str:
    """Without the marks of code."""
    return text.replace("``", "")


def _item(name: str, table: Any) -> Item:
    given = table if isinstance(table, Mapping) else {}
    for state in ("exempt", "todo"):
        if state in given:
            return Item(name, state, str(given[state]))
    return Item(name, "done" if given.get("done") is True else "todo", "")
