"""The connector to the embedded CRM, over its HTTP API."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from marshmallow import fields
from marshmallow.validate import Length

from connectors.base import (
    Assignee,
    CallResult,
    Card,
    CardRef,
    Check,
    Connector,
    CrmRefused,
    CrmUnavailable,
    Done,
    EventMalformed,
    EventNotAuthentic,
    Kind,
    Limits,
    NotDone,
    Outcome,
    Quota,
    Reference,
    ReminderState,
)
from connectors.embedded.signature import SIGNATURE, TIMESTAMP, is_authentic
from connectors.http.client import HttpAnswer, HttpClient, done
from connectors.http.settings import HttpAccount, count, limits_of, per_second, seconds
from connectors.kit.checks import point, private

#: The one type of card that this CRM has.
CONTACT = "contact"

_API = "api/v1"
_COLLECTIONS: dict[Kind, str] = {"comment": "comments", "reminder": "reminders", "email": "mails"}
#: The code of an answer about a record that does not exist; an address that does not exist has another.
_GONE = "not_found"
_RECORD_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MOST_PAGES = 20


class EmbeddedSettings(HttpAccount):
    """``[crm.embedded]``. It answers fast and commits at once, hence a short settling time and a high rate."""

    token = fields.String(required=True, validate=Length(min=1), metadata={"secret": True})
    webhook_secret = fields.String(
        load_default=None, allow_none=True, validate=Length(min=1), metadata={"secret": True}
    )
    settling_seconds = seconds(5.0, 3600.0, zero=True)
    requests_per_second = per_second(200.0)
    burst = count(50, 1000)


class EmbeddedConnector(Connector):
    """One embedded CRM. ``settings`` are loaded by ``EmbeddedSettings``; ``now`` tells how old an event is."""

    name = "embedded"
    Settings = EmbeddedSettings
    repeats_events = True

    def __init__(self, settings: Mapping[str, Any], *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(settings)
        self._limits = limits_of(settings)
        self._now = now
        self._http = HttpClient(
            settings["base_url"],
            self._limits,
            headers={"Authorization": f"Bearer {settings['token']}"},
            connections=settings["connections"],
            ca_file=settings["ca_file"],
        )

    def limits(self) -> Limits:
        return self._limits

    def share_quota(self, quota: Quota) -> None:
        self._http.share_quota(quota)

    def close(self) -> None:
        """Close the idle connections."""
        self._http.close()

    # --- looking -----------------------------------------------------------------------------------

    def check(self) -> Sequence[Check]:
        points = [private(self._http.base_url)]
        try:
            me = self._http.read(f"{_API}/me").data
        except (CrmUnavailable, CrmRefused) as error:
            if error.status not in (401, 403):
                return [*points, point("the CRM answers", False, f"Start the CRM or correct base_url: {error}")]
            remedy = "Give the plugin the token that the CRM was started with"
            return [*points, point("the CRM answers", True), point("the token is accepted", False, remedy)]
        if not isinstance(me, dict) or me.get("crm") != "embedded":
            return [*points, point("the CRM answers", False, "base_url leads to something else; correct it")]
        return [*points, point("the CRM answers", True), point("the token is accepted", True), *self._rights(me)]

    def _rights(self, me: Mapping[str, Any]) -> Sequence[Check]:
        no_mail = "Start the CRM with --outbox or --smtp, or let no role's mail go through the CRM"
        no_secret = "Set webhook_secret to the secret that the CRM was started with"
        verifiable = bool(self.settings.get("webhook_secret")) or not me.get("webhook")
        return [
            point("the CRM can send mail", me.get("mail") != "none", no_mail),
            point("its events can be verified", verifiable, no_secret),
        ]

    def check_assignee(self, assignee: Assignee, *, mailed: bool) -> Sequence[Check]:
        if not assignee.user:
            return [point("is a user of the CRM", False, "Give the role a crm_user")]
        try:
            user = self._record("users", assignee.user)
        except (CrmUnavailable, CrmRefused) as error:
            return [point("is a user of the CRM", False, f"The CRM could not be asked: {error}")]
        if user is None:
            return [point("is a user of the CRM", False, f"The CRM has no user {assignee.user}: correct crm_user")]
        known = point("is a user of the CRM", True)
        if not mailed:
            return [known]
        return [known, point("has an address in the CRM", bool(user.get("email")), "Give the user an e-mail there")]

    def read_card(self, card: CardRef) -> Card | None:
        if card.type != CONTACT:
            return None
        record = self._record("cards", card.id)
        return None if record is None else self._card(record)

    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
        params = {key: value for key, value in (("phone", phone), ("name", name)) if value}
        # Without anything to look for, the CRM would list everybody.
        return [self._card(record) for record in self._all("cards", params)] if params else []

    def find(self, kind: Kind, card: CardRef | None, key: str) -> str | None:
        found = self._http.read(f"{_API}/{_COLLECTIONS[kind]}", params={"external_key": key, "limit": "1"})
        items = _items(found)
        return str(items[0]["id"]) if items else None

    def reminder_state(self, remote_id: str) -> ReminderState:
        record = self._record("reminders", remote_id)
        if record is None:
            return ReminderState.MISSING
        return ReminderState.OPEN if record.get("state") == "open" else ReminderState.DONE

    # --- writing -----------------------------------------------------------------------------------

    def add_comment(self, card: CardRef, text: str, key: str) -> Outcome:
        path = _path("cards", card.id, "comments") if card.type == CONTACT else None
        if path is None:
            return _no_such_card(card)
        return done(self._http.write("POST", path, payload={"text": text, "external_key": key}), "id")

    def create_reminder(
        self, card: CardRef, assignee: Assignee, subject: str, text: str, due: datetime, key: str
    ) -> Outcome:
        if card.type != CONTACT:
            return _no_such_card(card)
        if not assignee.user:
            return NotDone("the role has no CRM user to remind", permanent=True)
        payload = {
            "card": card.id,
            "assignee": assignee.user,
            "subject": subject,
            "text": text,
            "due": due.isoformat(),
            "external_key": key,
        }
        return done(self._http.write("POST", f"{_API}/reminders", payload=payload), "id")

    def notify_email(self, assignee: Assignee, subject: str, text: str, key: str) -> Outcome:
        payload = {"subject": subject, "text": text, "external_key": key}
        if assignee.user:
            payload["user"] = assignee.user
        elif assignee.address:
            payload["address"] = assignee.address
        else:
            return NotDone("the role has neither a CRM user nor an address to mail to", permanent=True)
        return done(self._http.write("POST", f"{_API}/mails", payload=payload), "id")

    def withdraw_reminder(self, remote_id: str, why: str, key: str) -> Outcome:
        path = _path("reminders", remote_id, "withdrawal")
        if path is None:
            return Done(remote_id)
        result = self._http.write("PUT", path, payload={"reason": why, "external_key": key})
        if isinstance(result, NotDone) and result.code in (_GONE, "already_done"):
            return Done(remote_id)
        return result if not isinstance(result, HttpAnswer) else Done(remote_id)

    # --- events ------------------------------------------------------------------------------------

    def parse_event(
        self, headers: Mapping[str, str], path_secret: str | None, query: Mapping[str, str], body: bytes
    ) -> Sequence[CallResult | Reference]:
        secret = self.settings.get("webhook_secret")
        if not secret:
            raise EventNotAuthentic("no webhook_secret is set, so no event can be verified")
        given = {name.lower(): value for name, value in headers.items()}
        timestamp, signature = given.get(TIMESTAMP.lower(), ""), given.get(SIGNATURE.lower(), "")
        if not is_authentic(secret, timestamp, signature, body, self._now()):
            raise EventNotAuthentic("the event's signature or time is wrong")
        try:
            event = json.loads(body)
        except (ValueError, RecursionError):
            raise EventMalformed("the event is not JSON") from None
        call = event.get("call") if isinstance(event, dict) else None
        if not isinstance(call, str) or not call:
            raise EventMalformed("the event names no call")
        return [Reference("call", call)]

    def resolve(self, reference: Reference) -> CallResult | None:
        record = self._record("calls", reference.id) if reference.kind == "call" else None
        if record is None:
            return None
        # The record's revision: the same call told again after a change is another event.
        result: dict[str, Any] = {"id": f"call-{record['id']}-{record['revision']}", "facts": record["facts"]}
        result |= {name: record[name] for name in ("occurred_at", "final")}
        result |= {name: record[name] for name in ("script", "ruleset", "note") if record.get(name)}
        result["call"] = {"id": record["id"], "phone": record["phone"]}
        if record.get("operator"):
            result["call"]["operator"] = record["operator"]
        card = self.read_card(CardRef(CONTACT, record["card"])) if record.get("card") else None
        if card is not None:
            result["card"] = {"type": CONTACT, "id": card.ref.id, "name": card.name, "url": card.url}
        return result

    # --- details -----------------------------------------------------------------------------------

    def _record(self, collection: str, record_id: str) -> dict[str, Any] | None:
        path = _path(collection, record_id)
        if path is None:
            return None
        try:
            data = self._http.read(path).data
        except CrmRefused as error:
            if error.code == _GONE:
                return None
            raise
        if not isinstance(data, dict) or "id" not in data:
            raise CrmUnavailable("the CRM answered with something that is no record")
        return data

    def _all(self, collection: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        page: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            answer = self._http.read(f"{_API}/{collection}", params={**params, **page})
            yield from _items(answer)
            if not answer.data.get("next"):
                return
            page = {"after": str(answer.data["next"])}
        raise CrmRefused("the CRM has far too many matches for one client")

    def _card(self, record: Mapping[str, Any]) -> Card:
        ref = CardRef(CONTACT, str(record["id"]))
        return Card(ref, record["name"], f"{self._http.base_url}/cards/{ref.id}", tuple(record["phones"]))


def _path(collection: str, record_id: str, *more: str) -> str | None:
    """The API path of a record; None for an id that no record can have."""
    if not _RECORD_ID.fullmatch(record_id) or record_id in (".", ".."):
        return None
    return "/".join((_API, collection, record_id, *more))


def _items(answer: HttpAnswer) -> list[dict[str, Any]]:
    items = answer.data.get("items") if isinstance(answer.data, dict) else None
    if not isinstance(items, list):
        raise CrmUnavailable("the CRM answered with something that is no list")
    return items


def _no_such_card(card: CardRef) -> NotDone:
    return NotDone(f"the CRM has no cards of type {card.type!r} with such an id", permanent=True)
