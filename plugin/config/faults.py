"""Turns what is wrong with plugin.toml into messages that name the file, the line, the key and the remedy."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError, fields
from marshmallow.exceptions import SCHEMA

from plugin.common import suggest
from plugin.common.toml.source import Place, TomlSource, TomlUnreadable
from plugin.errors import ConfigError, Fault

_MISSING = fields.Field.default_error_messages["required"]
_UNKNOWN = Schema.error_messages.get("unknown", "Unknown field.")
#: What a value of the wrong type or range is answered with is the field's own ``allowed``; these say more than that.
_OWN_WORDS = re.compile(r"a secret|not a reference|env |file |no such|not the |no mail can |no request can ")


class FaultList:
    """Collects the faults of one file and raises them all at once."""

    def __init__(self, file: Path, source: TomlSource) -> None:
        self._file = file
        self._source = source
        self._faults: dict[tuple[Place, str], Fault] = {}

    def add(self, place: Place, what: str, hint: str = "") -> None:
        """Note that ``what`` is wrong at ``place``."""
        line = self._source.line(place)
        self._faults.setdefault((place, what), Fault(str(self._file), line, dotted(place), what, hint))

    def add_schema_errors(self, schema: Schema, error: ValidationError, base: Place = ()) -> None:
        """Note all that marshmallow found when ``schema`` loaded the table at ``base``."""
        for place, message in _leaves(error.messages):
            what, hint = _explain(schema, place, message, self._value(base + place))
            self.add(base + place, what, hint)

    def raise_if_any(self) -> None:
        """Raise ConfigError with one line for each fault, in the order of the file."""
        if self._faults:
            in_order = sorted(self._faults.values(), key=lambda fault: fault.line)
            raise ConfigError("\n".join(str(fault) for fault in in_order))

    def _value(self, place: Place) -> object:
        value: Any = self._source.data
        for step in place:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def dotted(place: Place) -> str:
    """A place as it is written in messages: ``sources.telephony.secrets[0]``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".")


def closest(name: str, known: Collection[str]) -> str:
    """Advice for an unknown name: the closest known one if there is one, and all of them."""
    match = suggest.closest(name, sorted(known))
    listed = f"known: {', '.join(sorted(known))}"
    return f"did you mean {match}? {listed}" if match else listed


def unreadable(file: Path, error: TomlUnreadable) -> ConfigError:
    """The English message for a plugin.toml that is no TOML text at all."""
    match error.__cause__:
        case OSError(strerror=reason):
            what, hint = f"cannot be read ({reason})", "check its name and its access rights"
        case UnicodeDecodeError():
            what, hint = "not in UTF-8 (windows-1251?)", "save it as UTF-8"
        case tomllib.TOMLDecodeError() as cause:
            what, hint = f"not TOML: {cause}", "check quotes, brackets and = signs"
        case RecursionError():
            what, hint = "nested too deeply", "simplify it"
        case _:
            what, hint = error.english
    place = f"{file}:{error.line}" if error.line else str(file)
    return ConfigError(f"{place}: {what} — {hint}")


def _leaves(messages: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """marshmallow's nested messages as (place, message); its own levels (``_schema``, ``value``) are left out."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            # The level that marshmallow puts between a Dict's key and what is wrong with the key or its value.
            is_dict_level = key in {"key", "value"} and set(messages) <= {"key", "value"}
            yield from _leaves(inner, place if key == SCHEMA or is_dict_level else (*place, key))
    else:
        for message in messages if isinstance(messages, list) else [messages]:
            yield place, str(message)


def _explain(schema: Schema, place: Place, message: str, given: object) -> tuple[str, str]:
    if message == _UNKNOWN:
        table = _schema_at(schema, place[:-1])
        return "unknown key", closest(str(place[-1]), _keys(table) if table else ())
    allowed = _allowed(schema, place)
    if message == _MISSING:
        return "missing", f"allowed: {allowed}" if allowed else ""
    if allowed is None or _OWN_WORDS.match(message):
        return message.rstrip(".")[:1].lower() + message.rstrip(".")[1:], f"allowed: {allowed}" if allowed else ""
    return f"given {_shown(given)}", f"allowed: {allowed}"


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    text = repr(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _keys(schema: Schema) -> set[str]:
    return {field.data_key or name for name, field in schema.fields.items()}


def _step(holder: Schema | fields.Field[Any] | None, step: str | int) -> fields.Field[Any] | None:
    """The field one step further down from a table's schema, or from a field that holds a table or a list."""
    if isinstance(holder, fields.List):
        return holder.inner
    if isinstance(holder, fields.Dict):
        return holder.value_field
    table = holder.schema if isinstance(holder, fields.Nested) else holder
    if isinstance(table, Schema):
        return next((field for name, field in table.fields.items() if (field.data_key or name) == step), None)
    return None


def _field_at(schema: Schema, place: Place) -> fields.Field[Any] | None:
    holder: Schema | fields.Field[Any] | None = schema
    for step in place:
        holder = _step(holder, step)
    return holder if isinstance(holder, fields.Field) else None


def _schema_at(schema: Schema, place: Place) -> Schema | None:
    if not place:
        return schema
    field = _field_at(schema, place)
    return field.schema if isinstance(field, fields.Nested) else None


def _allowed(schema: Schema, place: Place) -> str | None:
    """What the field at this place takes, in words; for an entry of a list without words, those of the list."""
    while place:
        field = _field_at(schema, place)
        if field is not None and "allowed" in field.metadata:
            return str(field.metadata["allowed"])
        place = place[:-1]
    return None
