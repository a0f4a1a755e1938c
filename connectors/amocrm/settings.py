"""``[crm.amocrm]`` in plugin.toml: the account, how it is signed in to, and what its events mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Length, Range, Regexp

from connectors.http.settings import HttpAccount, count, seconds
from connectors.kit.mapping import FactsTable

#: What an account may be asked in a second (developers' pages, «Ограничения»: no more than 7 requests).
_DOCUMENTED_RATE = 7.0
_BY_OAUTH = ("client_id", "client_secret", "redirect_uri")


def _secret(shortest: int = 1) -> fields.String:
    return fields.String(load_default=None, allow_none=True, validate=Length(min=shortest), metadata={"secret": True})


def _number() -> fields.Integer:
    return fields.Integer(load_default=None, allow_none=True, strict=True, validate=Range(min=1))


class AmoSettings(HttpAccount):
    """One account, signed in to either by a long-lived ``token`` or by OAuth.

    OAuth takes ``client_id``, ``client_secret``, ``redirect_uri`` and, until a pair of tokens is kept, the
    authorisation ``code`` (good for 20 minutes) or a ``refresh_token``. ``own_user`` is the user whom the plugin signs
    in as. ``burst`` and ``requests_per_second`` together stay within the 7 requests a second that may be asked.
    """

    #: A long-lived token of a private integration; instead of it, OAuth with what follows.
    token = _secret()
    client_id = fields.String(load_default=None, allow_none=True, validate=Length(min=1))
    client_secret = _secret()
    redirect_uri = fields.String(load_default=None, allow_none=True, validate=Length(min=1))
    #: The authorisation code, for the first time.
    code = _secret()
    #: Instead of a code, a refresh token that nobody else uses: each counts once.
    refresh_token = _secret()
    #: The account's number: webhooks of another one are refused.
    account_id = fields.Integer(required=True, strict=True, validate=Range(min=1))
    #: The number of the user whom the plugin signs in as: what this user does is no operator's answer.
    own_user = _number()
    #: 1 is «Связаться», 2 «Встреча»; an account may have more.
    task_type = fields.Integer(load_default=1, strict=True, validate=Range(min=1))
    #: The last part of the address that amoCRM sends its webhooks to.
    webhook_secret = fields.String(
        load_default=None,
        allow_none=True,
        validate=[Length(min=16), Regexp(r"[A-Za-z0-9_.~-]+\Z", error="letters, digits and _ . ~ - only")],
        metadata={"secret": True},
    )
    #: Which custom field, by its id, holds which fact.
    facts = FactsTable()
    #: Custom fields of cards, by their ids, that rules read; of a lead that has not got one, its main contact's.
    card_fields = FactsTable()
    #: How long after a call what is filled in on its cards still belongs to it.
    call_window_hours = seconds(4.0, 20.0)
    requests_per_second = fields.Float(
        load_default=5.0, validate=Range(min=0, min_inclusive=False, max=_DOCUMENTED_RATE)
    )
    #: So many at once; with requests_per_second no more than 7 are asked in any second.
    burst = count(2, 1000)

    @validates_schema
    def _one_way_in(self, data: Mapping[str, Any], **_: Any) -> None:
        given = [name for name in (*_BY_OAUTH, "code", "refresh_token") if data.get(name)]
        if data.get("token"):
            if given:
                raise ValidationError("a long-lived token is given: leave this out", given[0])
            return
        missing = [name for name in _BY_OAUTH if not data.get(name)]
        if not given:
            raise ValidationError("give a long-lived token, or client_id and what belongs to OAuth", "token")
        if missing:
            raise ValidationError("needed for OAuth", missing[0])
