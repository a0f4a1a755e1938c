"""What the CRM's API takes in, field by field; everything else is refused by name."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields
from marshmallow.validate import Email, Length, Range, Regexp

_USER_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LONGEST_TEXT = 65_535
_LONGEST_LINE = 500
_LONGEST_KEY = 200


def _storable(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValidationError("Holds half a character (a lone surrogate).") from None
    if "\0" in value:
        raise ValidationError("Holds a NUL character.")


def _filled(value: str) -> None:
    if not value.strip():
        raise ValidationError("Is blank.")


#: What is told of an id that is none.
_NO_ID = 'Is not a record\'s id: a whole number from 1 as text, such as "42".'


def _one_line(value: str) -> None:
    if any(char in value for char in "\r\n"):
        raise ValidationError("Holds a line end.")


def _text(**options: Any) -> fields.String:
    return fields.String(validate=[Length(max=_LONGEST_TEXT), _storable, _filled], **options)


def _line(longest: int = _LONGEST_LINE, **options: Any) -> fields.String:
    return fields.String(validate=[Length(max=longest), _storable, _filled, _one_line], **options)


def _optional_line(longest: int = _LONGEST_LINE) -> fields.String:
    return _line(longest, load_default=None, allow_none=True)


def _phone(**options: Any) -> fields.String:
    """Whatever people and exchanges write into such a field: notes, two numbers, «Unknown»."""
    return _line(200, **options)


def _record_id(**options: Any) -> fields.String:
    return fields.String(validate=Regexp(r"[1-9][0-9]{0,17}\Z", error=_NO_ID), **options)


def _card_fields() -> fields.Dict:
    """Further fields of a card, by the names that its users give them."""
    return fields.Dict(keys=_line(100), values=_line(), load_default=dict, validate=Length(max=100), data_key="fields")


class NewUser(Schema):
    """A user, with the id that the others name it by."""

    id = fields.String(required=True, validate=Regexp(rf"{_USER_ID.pattern}\Z"))
    name = _line(required=True)
    email = fields.String(load_default=None, allow_none=True, validate=[Length(max=254), Email()])


class NewCard(Schema):
    """A card; ``id`` only where it comes from elsewhere."""

    id = _record_id(load_default=None, allow_none=True)
    name = _line(required=True)
    phones = fields.List(_phone(), load_default=list, validate=Length(max=50))
    more = _card_fields()


class ChangedCard(Schema):
    """Further fields of a card, all of them."""

    more = _card_fields()


class SeededCard(NewCard):
    """A card of the seed: it needs an id, so that a second start adds nothing."""

    id = _record_id(required=True)


class NewComment(Schema):
    """A comment into a card; ``external_key`` finds it again."""

    text = _text(required=True)
    external_key = _optional_line(_LONGEST_KEY)


class NewReminder(Schema):
    """``email``: mail the assignee as well."""

    card = _record_id(required=True)
    assignee = fields.String(required=True)
    subject = _line(required=True)
    text = _text(required=True)
    due = fields.AwareDateTime(required=True, format="iso")
    email = fields.Boolean(load_default=False, truthy={True}, falsy={False})
    external_key = _optional_line(_LONGEST_KEY)


class Withdrawal(Schema):
    """Why a reminder is no longer wanted."""

    reason = _text(required=True)
    external_key = _optional_line(_LONGEST_KEY)


class NewMail(Schema):
    """To a user of the CRM, or to an address."""

    user = fields.String(load_default=None, allow_none=True)
    address = fields.String(load_default=None, allow_none=True, validate=[Length(max=254), Email()])
    subject = _line(required=True)
    text = _text(required=True)
    external_key = _optional_line(_LONGEST_KEY)


class ChangedCall(Schema):
    """What may be changed in a call's record after it was made."""

    operator = _optional_line(100)
    facts = fields.Dict(keys=fields.String(validate=[Length(min=1, max=100), _storable]), load_default=dict)
    occurred_at = fields.AwareDateTime(load_default=None, allow_none=True, format="iso")
    final = fields.Boolean(load_default=True, truthy={True}, falsy={False})
    note = fields.String(load_default=None, allow_none=True, validate=[Length(max=_LONGEST_TEXT), _storable])
    ruleset = _optional_line(100)


class NewCallRecord(ChangedCall):
    """A call's record; without ``id`` the CRM gives one."""

    id = fields.String(load_default=None, allow_none=True, validate=Regexp(rf"{_USER_ID.pattern}\Z"))
    phone = _phone(required=True)
    card = _record_id(load_default=None, allow_none=True)
    script = _optional_line(100)


class _Fault(Schema):
    kind = fields.String(required=True)
    next = fields.Integer(strict=True, load_default=None, allow_none=True, validate=Range(min=1))
    probability = fields.Float(load_default=None, allow_none=True, validate=Range(min=0, max=1))
    seconds = fields.Float(load_default=1.0, validate=Range(min=0, max=600))
    collection = fields.String(load_default=None, allow_none=True)
    reads = fields.Boolean(load_default=False, truthy={True}, falsy={False})


class FaultPlan(Schema):
    """What is to go wrong; ``seed`` makes probabilities repeatable."""

    faults = fields.List(fields.Nested(_Fault), required=True)
    seed = fields.Integer(strict=True, load_default=None, allow_none=True)


class Seed(Schema):
    """Cards and users to begin with."""

    users = fields.List(fields.Nested(NewUser), load_default=list)
    cards = fields.List(fields.Nested(SeededCard), load_default=list)
