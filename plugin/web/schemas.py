"""The shapes of requests and answers as the OpenAPI page shows them; answers are not built from these."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields


def _said(text: str, **more: Any) -> dict[str, Any]:
    return {"description": text, **more}


class ErrorSchema(Schema):
    """Why a request was refused."""

    code = fields.String(required=True, metadata=_said("Stable, for programs", example="bad_signature"))
    message = fields.String(required=True, metadata=_said("What is wrong, and where"))
    hint = fields.String(metadata=_said("What to do about it"))
    fields_ = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        data_key="fields",
        metadata=_said("422: every wrong field by its path"),
    )


class ErrorAnswerSchema(Schema):
    """A refusal."""

    error = fields.Nested(ErrorSchema, required=True)


class AnswerOptionSchema(Schema):
    """One answer that a question offers."""

    value = fields.Raw(required=True, metadata=_said("true, false or a text"))
    label = fields.String(required=True)


class QuestionSchema(Schema):
    """What the operator asks next."""

    fact = fields.String(required=True)
    say = fields.String(required=True, allow_none=True, metadata=_said("Read out word for word"))
    hint = fields.String(required=True, allow_none=True, metadata=_said("What to find out, where there is no phrase"))
    answers = fields.List(fields.Nested(AnswerOptionSchema), required=True)
    optional = fields.Boolean(metadata=_said("It need not be answered; left out where it must be"))


class StepSchema(Schema):
    """One answered question."""

    rule = fields.String(required=True)
    fact = fields.String(required=True)
    say = fields.String(required=True, allow_none=True)
    answer = fields.Raw(required=True)


class ActionSchema(Schema):
    """One thing that is done in the CRM."""

    id = fields.String(required=True)
    kind = fields.String(required=True, metadata=_said("`comment` or `reminder`"))
    text = fields.String(required=True)
    role = fields.String(metadata=_said("A reminder's: whose it is"))
    subject = fields.String()
    due_in_hours = fields.Integer()
    due = fields.String(metadata=_said("`working`: at the last working moment before `due_in_hours` are over"))
    email = fields.Boolean()
    target = fields.Dict(metadata=_said("`find`: whose card it is written to, when not the call's"))


class DecisionSchema(Schema):
    """What the rules made of the facts."""

    ruleset = fields.String(required=True, metadata=_said("The rules' revision"))
    complete = fields.Boolean(required=True)
    outcome = fields.String(required=True, allow_none=True)
    next = fields.Nested(QuestionSchema, required=True, allow_none=True)
    transcript = fields.List(fields.Nested(StepSchema), required=True)
    say = fields.String(required=True, allow_none=True, metadata=_said("The closing phrase"))
    actions = fields.List(fields.Nested(ActionSchema), required=True)


class AcceptedSchema(Schema):
    """A call result that is kept: committed, and on its way to the CRM."""

    event = fields.String(metadata=_said("The event's id"))
    call = fields.String(metadata=_said("The call's id"))
    decision = fields.Nested(DecisionSchema)
    deliveries = fields.List(fields.Dict(), metadata=_said("What goes to the CRM, and how far it got"))
    duplicate = fields.Boolean(metadata=_said("The same event was taken before; nothing was done twice"))
    ignored = fields.String(metadata=_said("Nothing to do: why"))
    kept = fields.Integer(metadata=_said("So many of the CRM's events are kept, to be resolved later"))
    dry_run = fields.Boolean(metadata=_said("The source is only tried out: decided and recorded, nothing is sent"))
    purged = fields.Boolean(metadata=_said("A repeat of an old event whose personal data was removed"))


class HealthSchema(Schema):
    """The process lives."""

    status = fields.String(required=True, metadata=_said("`alive`"))


class MetricsSchema(Schema):
    """Not JSON: Prometheus's text format, by the ``Accept`` header also that of OpenMetrics."""


class ReadinessSchema(Schema):
    """Call results can be taken."""

    status = fields.String(required=True, metadata=_said("`ready`"))
    ruleset = fields.String(required=True, metadata=_said("The active rules' revision"))
