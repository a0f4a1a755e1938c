"""The shapes of the suppression list's requests and answers, as the OpenAPI page shows them."""

from __future__ import annotations

from marshmallow import Schema, fields


class SuppressedSinceSchema(Schema):
    """That a number is excluded from one scope."""

    since = fields.AwareDateTime(required=True, metadata={"description": "When the client asked for it"})


class NumberStateSchema(Schema):
    """What one number is excluded from now."""

    number = fields.Raw(required=True, metadata={"description": "As it was given"})
    e164 = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "null: there is no number in it; an e-mail address has none"},
    )
    suppressed = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(SuppressedSinceSchema),
        required=True,
        metadata={
            "description": "By scope, `calls` and `mailings`, those that the number is excluded from; empty: none",
            "example": {"calls": {"since": "2026-11-22T07:15:00+00:00"}},
        },
    )


class NumbersSchema(Schema):
    """Numbers to be checked."""

    numbers = fields.List(
        fields.Raw(),
        required=True,
        metadata={
            "description": "Up to 10,000, each in any notation; of a field with several numbers the first counts. "
            "E-mail addresses, too",
            "example": ["+79161234567", "8 (916) 123-45-67", 79161234567],
        },
    )


class NumberStatesSchema(Schema):
    """The numbers' states, in the order in which they were given."""

    results = fields.List(fields.Nested(NumberStateSchema), required=True)


class CallStartedSchema(Schema):
    """Whether a call that begins may go on."""

    call = fields.String(required=True, metadata={"description": "The call's id"})
    allowed = fields.Boolean(
        required=True, metadata={"description": "false: the number is excluded from what the call's script is for"}
    )
    suppressed = fields.Dict(keys=fields.String(), values=fields.Nested(SuppressedSinceSchema), required=True)


class SuppressionEntrySchema(Schema):
    """An entry of the list."""

    number = fields.String(required=True, metadata={"example": "+79161234567"})
    scope = fields.String(required=True, metadata={"description": "`calls` or `mailings`"})
    since = fields.AwareDateTime(required=True)
    until = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "null: it is excluded now; else no longer since then"}
    )


class SuppressionPageSchema(Schema):
    """A page of the list, in the order of the numbers."""

    entries = fields.List(fields.Nested(SuppressionEntrySchema), required=True)
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "`after` of the next page; null: there is none"}
    )
