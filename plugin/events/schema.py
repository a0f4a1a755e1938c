"""The form of a call result (contract 3.3): every wrong field is named, nothing is converted, typos are pointed out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from itertools import islice
from typing import Any, cast
from urllib.parse import urlsplit

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from connectors.kit.phones import first_number
from plugin.common.fields import StrictBool
from plugin.errors import EventError

#: What is wrong, by the field's dotted path.
FieldFaults = dict[str, list[str]]

MAX_ID = 255
MAX_NAME = 500
MAX_URL = 2_000
MAX_NOTE = 10_000
MAX_FACTS = 100

# RFC 3339, section 5.6; Python's own reader takes more, and takes times without an offset.
_RFC_3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_LINE_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOTE_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_MISSPELT_UP_TO = 100
_MAX_WARNINGS = 20


@dataclass(frozen=True, slots=True)
class CallResult:
    """A call result whose form is right. Facts are not typed yet: their script decides; None retracts one.

    ``occurred_at`` is aware, in UTC. ``phone`` is in the notation that connectors compare, so that the same number
    reported in two notations is the same caller. ``call_fields`` are all fields of the call and the card by their paths
    (``call.duration``), those known here as they were read.
    """

    id: str
    occurred_at: datetime
    script: str | None
    final: bool
    call_id: str
    phone: str | None
    operator: str | None
    card_type: str | None
    card_id: str | None
    card_name: str | None
    card_url: str | None
    facts: Mapping[str, Any]
    call_fields: Mapping[str, Any]
    note: str | None
    ruleset: str | None


def read_call_result(raw: Mapping[str, Any]) -> CallResult:
    """The call result. Raises EventError 422 naming every wrong field."""
    try:
        loaded = _SCHEMA.load(raw)
    except ValidationError as error:
        raise bad_fields(dict(_flat(cast(Mapping[str, Any], error.messages)))) from error
    call, card = loaded["call"], loaded.get("card") or {}
    return CallResult(
        id=loaded["id"],
        occurred_at=loaded["occurred_at"],
        script=loaded.get("script"),
        final=loaded["final"],
        call_id=call["id"],
        phone=call.get("phone"),
        operator=call.get("operator"),
        card_type=card.get("type"),
        card_id=card.get("id"),
        card_name=card.get("name"),
        card_url=card.get("url"),
        facts=loaded.get("facts") or {},
        call_fields=call_fields(raw) | call_fields(loaded),
        note=loaded.get("note"),
        ruleset=loaded.get("ruleset"),
    )


def call_fields(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Every field of the event's call and card, by its path."""
    return {
        f"{part}.{key}": value
        for part in ("call", "card")
        if isinstance(fields_ := raw.get(part), Mapping)
        for key, value in fields_.items()
    }


def ignored_keys(raw: Mapping[str, Any], mapped: Collection[str]) -> list[str]:
    """A warning for each key that is not used, up to 20. ``mapped``: the fields of the call that the script maps."""
    return list(islice(_ignored(raw, mapped), _MAX_WARNINGS))


def bad_fields(fields_: FieldFaults) -> EventError:
    """422 for these fields (dotted path → what is wrong)."""
    named = ", ".join(sorted(fields_)[:10])
    return EventError(422, "bad_fields", f"the call result cannot be used: {named}", fields=fields_)


# --- fields ----------------------------------------------------------------------------------------


class _Line(fields.Field[str]):
    """One line of text, not blank."""

    controls = _LINE_CONTROLS

    def __init__(self, limit: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._limit = limit

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be text")
        if not value.strip():
            raise ValidationError("must not be blank")
        if len(value) > self._limit:
            raise ValidationError(f"must not be longer than {self._limit} characters")
        if self.controls.search(value):
            raise ValidationError("must not hold control characters")
        return value


class _Note(_Line):
    """Text of several lines."""

    controls = _NOTE_CONTROLS


class _Phone(_Line):
    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        number = first_number(super()._deserialize(value, attr, data, **kwargs))
        if not number:
            raise ValidationError("must be a phone number, e.g. +79161234567")
        return number


class _WebAddress(_Line):
    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            parts = urlsplit(text)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in text
        except ValueError:
            usable = False
        if not usable:
            raise ValidationError("must be an http or https address")
        return text


class _Moment(fields.Field[datetime]):
    _WRONG = "must be an RFC 3339 time with its offset, e.g. 2026-11-22T10:15:00+03:00"

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
            raise ValidationError(self._WRONG)
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ValidationError(self._WRONG) from error


class _Facts(fields.Field[Mapping[str, Any]]):
    """An object; its content is checked by the script's vocabulary."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("must be an object of facts by name")
        if len(value) > MAX_FACTS or any(len(name) > MAX_ID for name in value):
            raise ValidationError(f"must not hold more than {MAX_FACTS} facts, nor names over {MAX_ID} characters")
        return value


# --- schemas ---------------------------------------------------------------------------------------

_REQUIRED: dict[str, Any] = {"required": "is required", "null": "is required"}
_MAPPED = "Further fields are facts where the script's vocabulary declares them, others are ignored with a warning"


class _CallSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    id = _Line(MAX_ID, required=True, error_messages=_REQUIRED)
    phone = _Phone(64, allow_none=True)
    operator = _Line(MAX_NAME, allow_none=True)


class _CardSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    type = _Line(64, required=True, error_messages=_REQUIRED)
    id = _Line(MAX_ID, required=True, error_messages=_REQUIRED)
    name = _Line(MAX_NAME, allow_none=True)
    url = _WebAddress(MAX_URL, allow_none=True)


class CallResultSchema(Schema):
    """The event of ``POST /events/call-result``; null in a field that may be left out is the same as leaving it out."""

    class Meta:
        unknown = EXCLUDE

    id = _Line(MAX_ID, required=True, error_messages=_REQUIRED)
    occurred_at = _Moment(required=True, error_messages=_REQUIRED)
    script = _Line(MAX_ID, allow_none=True)
    final = StrictBool(load_default=False, error_messages={"null": "must be true or false"})
    call = fields.Nested(_CallSchema, required=True, error_messages=_REQUIRED, metadata={"description": _MAPPED})
    card = fields.Nested(_CardSchema, allow_none=True, metadata={"description": _MAPPED})
    facts = _Facts(allow_none=True)
    note = _Note(MAX_NOTE, allow_none=True)
    ruleset = _Line(64, allow_none=True)


_SCHEMA = CallResultSchema()
_KNOWN = {"": CallResultSchema(), "call": _CallSchema(), "card": _CardSchema()}


def _flat(messages: Mapping[Any, Any], path: str = "") -> Iterator[tuple[str, list[str]]]:
    for key, inner in messages.items():
        here = f"{path}.{key}" if path else str(key)
        if isinstance(inner, Mapping):
            yield from _flat(inner, here)
        elif key == "_schema":
            yield path or "event", ["must be an object"]
        else:
            yield here, [str(message) for message in inner]


def _ignored(raw: Mapping[str, Any], mapped: Collection[str]) -> Iterator[str]:
    for place, schema in _KNOWN.items():
        given = raw.get(place) if place else raw
        known = [*schema.fields, *(path.removeprefix(f"{place}.") for path in mapped if path.startswith(f"{place}."))]
        for key in given if isinstance(given, Mapping) else ():
            if key not in known:
                close = get_close_matches(key[:_MISSPELT_UP_TO], known, 1)
                meant = f"; did you mean {close[0]}?" if close else ""
                yield f"unknown key {f'{place}.' if place else ''}{key[:_MISSPELT_UP_TO]} is ignored{meant}"
