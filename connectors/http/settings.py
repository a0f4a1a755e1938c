"""The settings that every CRM account reached over HTTP has; a connector's own schema adds to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields
from marshmallow.validate import Length, Range

from connectors.base import Limits
from connectors.http.address import check_base_url


def _usable_address(value: str) -> None:
    try:
        check_base_url(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def seconds(default: float, longest: float, *, zero: bool = False) -> fields.Float:
    """A duration, above zero unless ``zero`` is allowed."""
    return fields.Float(load_default=default, validate=Range(min=0, min_inclusive=zero, max=longest))


def per_second(default: float) -> fields.Float:
    """How many requests a second the account may be sent."""
    return fields.Float(load_default=default, validate=Range(min=0, min_inclusive=False, max=1000))


def count(default: int, most: int) -> fields.Integer:
    """A whole number of at least one."""
    return fields.Integer(load_default=default, strict=True, validate=Range(min=1, max=most))


class HttpAccount(Schema):
    """``[crm.<name>]``: where the account is and how hard it may be worked. Unknown keys are refused."""

    base_url = fields.String(required=True, validate=_usable_address)
    connect_seconds = seconds(5.0, 60.0)
    read_seconds = seconds(20.0, 300.0)
    settling_seconds = seconds(30.0, 3600.0, zero=True)
    requests_per_second = per_second(5.0)
    burst = count(10, 1000)
    connections = count(16, 256)
    #: A file of certificates to trust, for a CRM with a private authority.
    ca_file = fields.String(load_default=None, allow_none=True, validate=Length(min=1))


def limits_of(settings: Mapping[str, Any]) -> Limits:
    """The account's limits from its loaded settings."""
    return Limits(
        connect_seconds=settings["connect_seconds"],
        read_seconds=settings["read_seconds"],
        settling_seconds=settings["settling_seconds"],
        requests_per_second=settings["requests_per_second"],
        burst=settings["burst"],
    )
