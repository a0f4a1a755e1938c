"""``[crm.bitrix24]``: how to reach the portal, as whom, and what is written there in which way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Email, Length, OneOf, Range, Regexp

from connectors.bitrix24.types import TYPES
from connectors.http.address import check_base_url
from connectors.http.settings import HttpAccount, count, per_second, seconds
from connectors.kit.mapping import FactFields, FactsTable

#: ``https://portal/rest/<user>/<secret>/``, as the portal shows it when the webhook is made.
_WEBHOOK = re.compile(r"(?P<portal>https?://[^/?#\s@]+)/rest/(?P<user>\d{1,18})/(?P<secret>[A-Za-z0-9]{4,128})/?")
_APPLICATION = ("portal", "client_id", "client_secret", "refresh_token")
_SECRET = {"secret": True}


def _text(**kwargs: Any) -> fields.String:
    return fields.String(load_default=None, allow_none=True, validate=Length(min=1), **kwargs)


def _address(value: str) -> None:
    try:
        check_base_url(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _webhook(value: str) -> None:
    # The value is the secret itself, so the message repeats nothing of it.
    if not _WEBHOOK.fullmatch(value):
        raise ValidationError("is no address of an incoming webhook; expected https://<portal>/rest/<user>/<code>/")


class Bitrix24Settings(HttpAccount):
    """Either ``webhook``, or an OAuth application: ``portal``, ``client_id``, ``client_secret``, ``refresh_token``.

    The quota is that of all plans but Enterprise (5 a second, 250 at once) and counts for all programs on one IP
    address. Source: https://apidocs.bitrix24.ru/limits.html
    """

    class Meta:
        exclude = ("base_url",)

    #: An incoming webhook: https://<portal>/rest/<user>/<code>/.
    webhook = fields.String(load_default=None, allow_none=True, validate=_webhook, metadata=_SECRET)
    #: An OAuth application instead: the portal, e.g. https://example.bitrix24.ru.
    portal = fields.String(load_default=None, allow_none=True, validate=_address)
    #: With a webhook: of the local application whose page the portal opens.
    client_id = _text()
    #: The application's secret, sent to oauth_server alone.
    client_secret = _text(metadata=_SECRET)
    #: The first one, as the application got it when it was installed; later ones are kept by the plugin.
    refresh_token = _text(metadata=_SECRET)
    oauth_server = fields.String(load_default="https://oauth.bitrix24.tech", validate=_address)

    #: To-dos in the timeline, or tasks.
    reminders = fields.String(load_default="todo", validate=OneOf(["todo", "task"]))
    #: When the person is pinged, in minutes before the deadline; to-dos only.
    ping_minutes = fields.List(
        fields.Integer(strict=True, validate=Range(min=0, max=10_080)),
        load_default=lambda: [60, 0],
        validate=Length(max=5),
    )
    #: notify: a notification, mailed where it is not read; message: a mail from mail_from.
    mail = fields.String(load_default="notify", validate=OneOf(["notify", "message"]))
    mail_from = fields.String(load_default=None, allow_none=True, validate=Email())
    #: Names the plugin to the portal where notifications come from a webhook.
    notify_client = fields.String(load_default="optout", validate=Regexp(r"[A-Za-z0-9_.-]{1,64}"))
    #: The kinds of card that the portal has, for the doctor.
    card_types = fields.List(
        fields.String(validate=OneOf(list(TYPES))), load_default=lambda: list(TYPES), validate=Length(min=1)
    )

    #: Whose changes are the plugin's own; by default the webhook's user.
    own_user = fields.String(load_default=None, allow_none=True, validate=Regexp(r"[1-9]\d{0,17}"))
    #: Proves the events: the token of the outgoing webhook, or of the application.
    application_token = _text(metadata=_SECRET)
    #: The APPLICATION_TOKEN of the local application whose page the portal opens; ``client_id`` is checked in any case.
    frame_token = _text(metadata=_SECRET)
    #: The portal's own id; where it is given, events and frames must bear it.
    member_id = _text()

    facts = FactsTable()
    #: Fields of cards that rules read; of a card that has not got one, its contact's.
    card_fields = FactsTable()
    #: The card's own date and time field that says when the answers on it were given.
    facts_changed_field = _text()
    #: How long after a call its answers may still be filled in on the card.
    facts_within_minutes = seconds(240.0, 1440.0)
    #: The smart process (entityTypeId) whose items are call results.
    record_type = fields.Integer(load_default=None, allow_none=True, strict=True, validate=Range(min=128, max=10**6))
    #: Fields of such an item: the number that was called, and when (by default when the item was created).
    record_phone_field = _text()
    record_time_field = _text()

    requests_per_second = per_second(2.0)
    burst = count(50, 1000)
    #: A batch may run that long before the portal breaks it off.
    read_seconds = seconds(60.0, 300.0)

    @validates_schema(skip_on_field_errors=True)
    def _one_way_in(self, data: Mapping[str, Any], partial: Any = None, **_: Any) -> None:
        # Secrets that could not be looked up are said elsewhere; they count as given here.
        unresolved = partial if isinstance(partial, list | tuple | set | frozenset) else ()
        given = {name for name in (*_APPLICATION, "webhook") if data.get(name) or name in unresolved}
        if "webhook" in given:
            extra = sorted(given & {"client_secret", "refresh_token", "portal"})
            if extra:
                raise ValidationError("leave it out: the webhook says as whom to come", extra[0])
            return
        missing = sorted(set(_APPLICATION) - given)
        if missing:
            raise ValidationError("is missing: set webhook, or all of " + ", ".join(_APPLICATION), missing[0])

    @validates_schema(skip_on_field_errors=True)
    def _consistent(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["mail"] == "message" and not data["mail_from"]:
            raise ValidationError('is missing: mail = "message" needs the address to send from', "mail_from")
        mapped = data["facts"]
        on_cards = [item.field for item in mapped.fields if not is_call_field(item.field)]
        if on_cards and not data["record_type"] and not data["facts_changed_field"]:
            raise ValidationError(
                f"is missing: facts are read from the card ({on_cards[0]}), so name its date and time field that says "
                "when they were answered; old answers must not count for a new call",
                "facts_changed_field",
            )


def is_call_field(name: str) -> bool:
    """Whether a mapped field is one of the call's own records: those have names in capitals and no UF_ fields."""
    return name == name.upper() and not name.startswith("UF_")


@dataclass(frozen=True, slots=True)
class Way:
    """How the portal is reached: ``v2`` and ``v3`` are the paths before a method's name; they may hold the secret."""

    portal: str
    v2: str
    v3: str
    webhook_user: str | None
    secrets: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        return urlsplit(self.portal).netloc

    def __repr__(self) -> str:
        return f"Way({self.host})"


def way_of(settings: Mapping[str, Any]) -> Way:
    """The way in that the settings give."""
    if settings["webhook"]:
        found = _WEBHOOK.fullmatch(settings["webhook"])
        assert found is not None
        user, own = found["user"], f"{found['user']}/{found['secret']}"
        return Way(found["portal"], f"rest/{own}", f"rest/api/{own}", user, (found["secret"],))
    return Way(check_base_url(settings["portal"]), "rest", "rest/api", None)


def mapped_fields(facts: FactFields, *, of_call: bool) -> FactFields:
    """The part of the mapping that concerns the call's own records, or the card."""
    return FactFields(tuple(item for item in facts.fields if is_call_field(item.field) is of_call))
