"""The schemas of the tables about events: ``[event]``, its proof, and ``[call]``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import OneOf, Range

from connectors.rest import model, placeholders
from connectors.rest.fields import ConditionsField, PathField, words
from connectors.rest.paths import Path
from connectors.rest.request import RecordsShape, Request
from connectors.rest.syntax import suggestion
from connectors.rest.tables import check_effect, find_fields, find_of, request_fields, table

ALGORITHMS = ("sha1", "sha256", "sha384", "sha512")
#: What ``signed`` may be put together of.
PARTS = ("body", "timestamp", "id", "method", "address")
#: What a call's record gives besides id, time and facts, as the plugin's own event names it.
VALUES = ("phone", "operator", "note", "script", "ruleset", "card_id", "card_type", "card_name", "card_url")
_OF_CARD = ("card_type", "card_name", "card_url")
_PART = re.compile(r"\{([^{}]*)\}")


def _proof(data: dict[str, Any]) -> model.EventProof:
    proof = model.EventProof(**data)
    wanted = [] if proof.kind == "token" and proof.place == "path" else ["name"]
    if proof.kind == "hmac" and "{timestamp}" in proof.signed and not proof.pairs:
        wanted.append("timestamp")
    if proof.kind == "hmac" and "{id}" in proof.signed:
        wanted.append("id")
    if proof.kind == "hmac" and "{address}" in proof.signed:
        wanted.append("address")
    for key in wanted:
        if not getattr(proof, key):
            raise ValidationError({key: [f"missing: this kind of proof needs it ({proof.kind}, {proof.place})"]})
    if proof.kind == "hmac" and "{body}" not in proof.signed:
        raise ValidationError({"signed": ["does not hold {body}: the signature would prove nothing of it"]})
    if proof.kind == "hmac" and proof.place not in ("header", "query"):
        raise ValidationError({"place": ["allowed for a signature: header, query"]})
    for part in _PART.findall(proof.signed):
        if part not in PARTS:
            raise ValidationError({"signed": [f"unknown part {part!r}{suggestion(part, PARTS)}"]})
    check_effect(data, {"kind", *_proof_keys(proof)}, f"with this kind of proof ({proof.kind}, {proof.place})")
    return proof


def _proof_keys(proof: model.EventProof) -> set[str]:
    """The keys that this kind of proof looks at."""
    used = {"place", "prefix"} if proof.kind == "token" and proof.place == "path" else {"place", "prefix", "name"}
    if proof.kind == "token":
        return used
    used |= {"algorithm", "encoding", "secret_is", "signed", "pairs"}
    if "{timestamp}" in proof.signed:
        used |= {"timestamp", "tolerance_seconds"}
    return used | {part for part in ("id", "address") if f"{{{part}}}" in proof.signed}


def _event(data: dict[str, Any]) -> model.EventTable:
    records = RecordsShape(data.get("items", Path("")), data.get("id", Path.parse("id")))
    return model.EventTable(
        data["proof"], data["format"], records, data["when"], data["own"], data.get("always_answers"), "id" in data
    )


def event_table() -> fields.Nested:
    """``[event]``."""
    proof = table(
        _proof,
        kind=fields.String(required=True, validate=OneOf(("hmac", "token"))),
        place=fields.String(validate=OneOf(("header", "query", "path", "body"))),
        name=words(),
        prefix=fields.String(),
        algorithm=fields.String(validate=OneOf(ALGORITHMS)),
        encoding=fields.String(validate=OneOf(("hex", "base64"))),
        secret_is=fields.String(validate=OneOf(("text", "hex", "base64"))),
        signed=words(),
        timestamp=words(),
        id=words(),
        address=words(),
        pairs=fields.Boolean(truthy={True}, falsy={False}),
        tolerance_seconds=fields.Float(validate=Range(min=1, max=86_400)),
        required=True,
    )
    return table(
        _event,
        proof=proof,
        format=fields.String(load_default="json", validate=OneOf(("json", "form"))),
        items=PathField(),
        id=PathField(),
        when=ConditionsField(placeholders.with_record(placeholders.NOTHING)),
        own=ConditionsField(placeholders.with_record(placeholders.NOTHING)),
        always_answers=fields.Integer(strict=True, validate=Range(min=200, max=299)),
        load_default=None,
    )


def _call(data: dict[str, Any]) -> model.CallTable:
    request_keys = [key for key in request_fields(placeholders.CALL) if key in data]
    if request_keys and "path" not in data:
        raise ValidationError({request_keys[0]: ["given without path"]})
    request = Request(**{key: data.pop(key) for key in request_keys}) if request_keys else None
    if request is None and "record" in data:
        raise ValidationError(
            {"record": ["has no effect without path: [event] items says where the event's records are"]}
        )
    values = {key: data.pop(key) for key in VALUES if key in data}
    if "card_id" in values and "card_type" not in values and data.get("default_card_type") is None:
        raise ValidationError({"card_type": ["missing: of which type is card_id? give card_type or default_card_type"]})
    _check_card_keys(values, data)
    return model.CallTable(
        data["id"],
        data["occurred_at"],
        request,
        data.get("record", Path("")),
        data["when"],
        data["times"],
        data.get("revision"),
        data.get("final"),
        values,
        data.get("default_card_type"),
        data["card_types"],
    )


def catch_up_table() -> fields.Nested:
    """``[catch_up]``."""
    return table(find_of, **find_fields(placeholders.CATCH_UP), load_default=None)


def _check_card_keys(values: Mapping[str, Path], data: Mapping[str, Any]) -> None:
    given = [key for key in _OF_CARD if key in values]
    given += [key for key in ("default_card_type", "card_types") if data.get(key)]
    if given and "card_id" not in values:
        raise ValidationError({key: ["has no effect without card_id"] for key in given})
    if data["card_types"] and "card_type" not in values:
        raise ValidationError({"card_types": ["has no effect without card_type"]})


def call_table() -> fields.Nested:
    """``[call]``."""
    conditions = placeholders.with_record(placeholders.NOTHING)
    return table(
        _call,
        **request_fields(placeholders.CALL, required=False),
        record=PathField(),
        id=PathField(required=True),
        occurred_at=PathField(required=True),
        times=fields.String(load_default="iso", validate=OneOf(("iso", "unix", "unix_ms"))),
        revision=PathField(),
        final=ConditionsField(conditions, load_default=None, allow_none=True),
        when=ConditionsField(conditions),
        **{name: PathField() for name in VALUES},
        default_card_type=words(),
        card_types=fields.Dict(keys=words(), values=words(), load_default=dict),
        load_default=None,
    )
