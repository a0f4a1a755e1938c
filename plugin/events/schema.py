"""The form of a call result (contract 3.3) as integrators read it, its limits, and keys that are misspelt.

How much less than this form is taken in, ``plugin.events.read_form`` says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from plugin.errors import EventError

#: What is wrong, by the field's dotted path.
FieldFaults = dict[str, list[str]]

MAX_ID = 255
MAX_NAME = 500
MAX_URL = 2_000
MAX_NOTE = 10_000
MAX_FACTS = 100

MAX_CARD_TYPE = 64
MAX_RULESET = 64
MAX_WARNINGS = 20

_MISSPELT_UP_TO = 100


@dataclass(frozen=True, slots=True)
class CallResult:
    """A call result whose form is right. Facts are not typed yet: their script decides; None retracts one.

    ``occurred_at`` is aware, in UTC. ``phone`` is the first of ``phones``, the numbers in its field as E.164; None
    where it holds none. ``call_fields`` are all fields of the call and the card by their paths (``call.duration``),
    those known here as they were read. ``warnings`` name each field that had to be cleaned. ``read_fields`` are those
    that the CRM's card holds, by the same paths; ``unread_fields`` those for which it could not be asked in time.
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
    phones: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    read_fields: Mapping[str, str | bool] = field(default_factory=dict)
    unread_fields: tuple[str, ...] = ()


def ignored_keys(raw: Mapping[str, Any], mapped: Collection[str]) -> list[str]:
    """A warning for each key that is not used. ``mapped``: the fields of the call that the script maps."""
    return list(_ignored(raw, mapped))


def bad_fields(fields_: FieldFaults) -> EventError:
    """422 for these fields (dotted path → what is wrong)."""
    named = ", ".join(sorted(fields_)[:10])
    return EventError(422, "bad_fields", f"the call result cannot be used: {named}", fields=fields_)


# --- the form ---------------------------------------------------------------------------------------

_MAPPED = "Further fields are facts where the script's vocabulary declares them, others are ignored with a warning"


def _told(text: str, example: Any = None) -> dict[str, Any]:
    return {"description": text} | ({} if example is None else {"example": example})


def _text(limit: int, told: str, example: str | None = None, *, required: bool = False) -> fields.String:
    return fields.String(
        required=required,
        allow_none=not required,
        validate=validate.Length(1, limit),
        metadata=_told(told, example),
    )


class _CallSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    id = _text(MAX_ID, "The source's id of the call; a number is its text", "c-77", required=True)
    phone = fields.String(
        allow_none=True,
        metadata=_told(
            "The client's number as it is written, notes, extensions and addresses of telephony included. A field "
            "without a number is taken as missing, with a warning",
            "+7 (916) 123-45-67",
        ),
    )
    operator = _text(MAX_NAME, "Who spoke with the client; longer text is cut", "ivanova")


class _CardSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    type = _text(MAX_CARD_TYPE, "The kind of card, in the CRM's words", "contact", required=True)
    id = _text(MAX_ID, "Its id in the CRM; a number is its text", "42", required=True)
    name = _text(MAX_NAME, "The client's name; longer text is cut")
    url = fields.Url(
        allow_none=True,
        schemes={"http", "https"},
        require_tld=False,
        metadata=_told("The card's http or https address; anything else is taken as missing, with a warning"),
    )


class CallResultSchema(Schema):
    """The event of ``POST /events/call-result``; null in a field that may be left out is the same as leaving it out.

    Only id, occurred_at, call.id, script, ruleset, final, facts and another kind of value where an object is wanted
    are refused. All else is cleaned, with a warning that names the field.
    """

    class Meta:
        unknown = EXCLUDE

    id = _text(MAX_ID, "The event's id, equal to the webhook-id header; a number is its text", "evt-1", required=True)
    occurred_at = fields.AwareDateTime(
        required=True,
        metadata=_told("The end of the call: an RFC 3339 time with its offset", "2026-11-22T10:15:00+03:00"),
    )
    script = _text(MAX_ID, "The script that decides, the default one if left out")
    final = fields.Boolean(
        truthy={True}, falsy={False}, load_default=False, metadata=_told("Whether the conversation is over")
    )
    call = fields.Nested(_CallSchema, required=True, metadata=_told(_MAPPED))
    card = fields.Nested(_CardSchema, allow_none=True, metadata=_told(f"{_MAPPED}. Without it, it is found by phone"))
    facts = fields.Dict(
        keys=fields.String(),
        allow_none=True,
        validate=validate.Length(max=MAX_FACTS),
        metadata=_told("The answers by the names of their facts; null retracts one"),
    )
    note = _text(MAX_NOTE, "The operator's note. A final event with a note and no facts is left to the coordinator")
    ruleset = _text(MAX_RULESET, "The revision that the operator worked with; the active one if left out")


_KNOWN: Mapping[str, Schema] = {"": CallResultSchema(), "call": _CallSchema(), "card": _CardSchema()}


def _ignored(raw: Mapping[str, Any], mapped: Collection[str]) -> Iterator[str]:
    for place, schema in _KNOWN.items():
        given = raw.get(place) if place else raw
        if not isinstance(given, Mapping) or given.keys() <= schema.fields.keys():
            continue
        known = [*schema.fields, *(path.removeprefix(f"{place}.") for path in mapped if path.startswith(f"{place}."))]
        for key in given:
            if key not in known:
                close = get_close_matches(key[:_MISSPELT_UP_TO], known, 1)
                meant = f"; did you mean {close[0]}?" if close else ""
                yield f"unknown key {f'{place}.' if place else ''}{key[:_MISSPELT_UP_TO]} is ignored{meant}"
