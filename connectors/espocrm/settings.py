"""``[crm.espocrm]`` in plugin.toml: the account, and the webhooks whose events are taken."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields, post_load, validates
from marshmallow.validate import ContainsOnly, Email, Length, OneOf, Regexp

from connectors.http.settings import HttpAccount, count, per_second
from connectors.kit.mapping import FactsTable

#: The types of card that there can be, by their names in the plugin, and what EspoCRM calls them.
CARD_TYPES = {
    "contact": "Contact",
    "lead": "Lead",
    "account": "Account",
    "opportunity": "Opportunity",
    "case": "Case",
}
#: Which of them are people, with a first and a last name and phone numbers.
PEOPLE = ("contact", "lead")
#: What the status of a call says of the conversation: over, still to come or going on, or never held.
STATUSES = {"Held": "over", "Planned": "open", "Not Held": "none"}
#: A fact's field with this prefix is one of the card, not of the call.
CARD_FIELD = "card."

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,99}")
_RECORD_ID = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9_=.-]{0,63}")
_EVENT = re.compile(r"([A-Z][A-Za-z0-9]{0,99})\.(create|update|delete|fieldUpdate\.[A-Za-z][A-Za-z0-9]{0,99})")


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook of the CRM: what it tells of, its id, and the key that it signs with."""

    event: str
    id: str
    secret: str

    @property
    def entity(self) -> str:
        """The entity type whose records it tells of."""
        return self.event.partition(".")[0]

    def __repr__(self) -> str:
        return f"Webhook({self.event}, {self.id})"


class Webhooks(fields.Field[tuple[Webhook, ...]]):
    """One webhook a line (or between semicolons): event, webhook's id, secret key."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> tuple[Webhook, ...]:
        if not isinstance(value, str):
            raise ValidationError("must be text")
        lines = [line.split() for line in re.split(r"[;\r\n]+", value) if line.strip()]
        for number, parts in enumerate(lines, 1):
            # Nothing of the line is repeated: it holds a key.
            if len(parts) != 3 or not _EVENT.fullmatch(parts[0]) or not is_record_id(parts[1]):
                wanted = "an event such as Call.create, the webhook's id and its secret key"
                raise ValidationError(f"webhook {number} is not {wanted}")
        if not lines:
            raise ValidationError("names no webhook")
        return tuple(Webhook(*parts) for parts in lines)


class EspoSettings(HttpAccount):
    """``base_url`` is the address that users open. EspoCRM has no limit of its own; five requests a second are kind."""

    requests_per_second = per_second(5.0)
    burst = count(10, 1000)
    #: Of an API user, whose authentication method is API key.
    api_key = fields.String(required=True, validate=Length(min=1), metadata={"secret": True})
    #: Given where the API user's authentication method is HMAC: its secret key.
    hmac_secret_key = fields.String(
        load_default=None, allow_none=True, validate=Length(min=1), metadata={"secret": True}
    )
    #: The user's id; asked of the CRM where it is left out.
    own_user = fields.String(load_default=None, allow_none=True, validate=Regexp(_RECORD_ID.pattern + r"\Z"))
    #: ``event id key``, one a line.
    webhooks = Webhooks(load_default=(), metadata={"secret": True})
    #: A text field of tasks that keeps the delivery's key; "" where there is none.
    external_id_field = fields.String(load_default="cExternalId", validate=Regexp(rf"({_NAME.pattern})?\Z"))
    card_types = fields.List(
        fields.String(), load_default=lambda: list(CARD_TYPES), validate=[Length(min=1), ContainsOnly(CARD_TYPES)]
    )
    #: Where a client is looked for by phone and name.
    search_in = fields.List(
        fields.String(), load_default=lambda: ["contact"], validate=[Length(min=1), ContainsOnly(PEOPLE)]
    )
    #: The address that the CRM's own mails come from; without one it sends none.
    mail_sender = fields.String(load_default=None, allow_none=True, validate=Email())
    #: A task's priority as the CRM names it; "" leaves it to the CRM.
    priority = fields.String(load_default="Urgent", validate=Length(max=100))
    #: How long before a reminder is due its popup comes up.
    popup_minutes = fields.List(fields.Integer(strict=True), load_default=lambda: [60, 0], validate=Length(max=10))
    #: A call's field with the number that was dialled; without it the card's number counts.
    phone_field = fields.String(load_default=None, allow_none=True, validate=Regexp(rf"{_NAME.pattern}\Z"))
    #: What each value of a call's status means, for CRMs that have others than the usual three.
    statuses = fields.Dict(
        keys=fields.String(), values=fields.String(validate=OneOf(["over", "open", "none"])), load_default=dict
    )
    facts = FactsTable()
    #: Fields of cards that rules read.
    card_fields = FactsTable()

    @validates("popup_minutes")
    def _not_after(self, value: list[int], **_: object) -> None:
        if any(minutes < 0 for minutes in value):
            raise ValidationError("must not be negative")

    @post_load
    def _with_usual_statuses(self, data: dict[str, object], **_: object) -> dict[str, object]:
        given = data.get("statuses")
        return data | {"statuses": STATUSES | (given if isinstance(given, dict) else {})}


def call_entities(webhooks: Sequence[Webhook]) -> frozenset[str]:
    """The entity types whose records are calls: those that webhooks tell of, without any EspoCRM's own."""
    return frozenset(webhook.entity for webhook in webhooks) or frozenset({"Call"})


def is_record_id(value: object) -> bool:
    """Whether EspoCRM could have given a record this id."""
    return isinstance(value, str) and bool(_RECORD_ID.fullmatch(value))
