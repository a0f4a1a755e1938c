"""EspoCRM for the contract suite."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import Assignee, CardRef, Kind
from connectors.espocrm import EspoConnector
from connectors.espocrm.client import moment
from connectors.espocrm.markup import shown
from tests.connectors.contract.rig import NAME, PHONE, CrmEvent, Written
from tests.connectors.espocrm.search import Record
from tests.connectors.espocrm.server import API_KEY, OWN_USER, SENDER, EspoServer
from tests.support.fake_api import PATIENCE, Fault

WEBHOOK = "65f00000000000w01"
WEBHOOK_SECRET = "9d2f6c1b8a7e4d3c5b0f9e8d7c6b5a49"
#: The webhook as an admin makes it in the CRM, for the API user.
HOOK: dict[str, Any] = {
    "id": WEBHOOK,
    "event": "Call.create",
    "url": "https://plugin.example.org/events/espocrm",
    "isActive": True,
    "userId": OWN_USER,
    "secretKey": WEBHOOK_SECRET,
}
FACTS: dict[str, Any] = {
    "related": {"field": "cRelated", "values": {"Yes": True, "No": False}},
    "kind": {"field": "cKind", "values": {"Calls": "calls", "All": "all"}},
    "who": {"field": "cWho"},
}
#: Fields of cards that rules read.
CARD_FIELDS: dict[str, Any] = {
    "brand": {"field": "cBrand", "values": {"Kia": "Kia", "Lada": "Lada"}},
    "vip": {"field": "cVip", "values": {"true": True, "false": False}},
    "absent": {"field": "cAbsent"},
}
_ENTITIES: Mapping[Kind, str] = {"comment": "Note", "reminder": "Task", "email": "Email"}
_CARDS = {"Contact": "contact", "Lead": "lead", "Account": "account", "Opportunity": "opportunity", "Case": "case"}


def account(server: EspoServer, **overrides: Any) -> dict[str, Any]:
    """Loaded settings of an account of this server, quick to give up."""
    given: dict[str, Any] = {
        "base_url": server.url,
        "api_key": API_KEY,
        "webhooks": f"Call.create {WEBHOOK} {WEBHOOK_SECRET}",
        "mail_sender": SENDER,
        "facts": FACTS,
        "card_fields": CARD_FIELDS,
        "connect_seconds": 0.3,
        "read_seconds": PATIENCE.read_seconds,
        "settling_seconds": 0.0,
        "requests_per_second": 500.0,
        "burst": 500,
    }
    return dict(EspoConnector.Settings().load(given | overrides))


def signed(
    body: bytes, *, webhook: str = WEBHOOK, secret: str = WEBHOOK_SECRET, legacy: bool = False
) -> dict[str, str]:
    """The header that EspoCRM signs this body with (``Core/Webhook/Sender.php``)."""
    mac = hmac.new(secret.encode(), body, hashlib.sha256)
    if legacy:
        return {"X-Signature": base64.b64encode(f"{webhook}:".encode() + mac.digest()).decode()}
    return {"Signature": base64.b64encode(f"{webhook}:{mac.hexdigest()}".encode()).decode()}


class EspoRig:
    """A CRM with one contact and two people who work there."""

    secrets = (API_KEY, WEBHOOK_SECRET)
    never: Mapping[Fault, str] = {
        Fault.BLOCKED: "EspoCRM shuts no account: after failed log-ins it refuses for a minute, which is throttling"
    }

    def __init__(self, server: EspoServer, **overrides: Any) -> None:
        self.server = server
        last, first, middle = NAME.split()
        phones = ["8 (495) 000-11-22", "8 (916) 123-45-67"]
        contact = server.add("Contact", lastName=last, firstName=first, middleName=middle, phones=phones)
        self.card = CardRef("contact", contact)
        self.missing = CardRef("contact", "65fffffffffffffff")
        server.add("Webhook", **HOOK)
        self.people = (self._employee("coordinator"), self._employee("sms"))
        # An hour passes between any two requests, so that no fault holds back what a test does next.
        hours = itertools.count(3600.0, 3600.0)
        self.connector = EspoConnector(
            account(server, **overrides), now=lambda: server.now, monotonic=lambda: next(hours)
        )

    def _employee(self, name: str) -> Assignee:
        address = f"{name}@example.org"
        return Assignee(self.server.add("User", userName=name, isActive=True, emailAddress=address), address)

    def fill(self, brand: str | None, vip: bool | None) -> None:
        # A field that nobody has touched is null; of the type «bool» it is false.
        options = ["", "Kia", "Lada", "Opel"]
        self.server.card_fields = {"cBrand": {"type": "enum", "options": options}, "cVip": {"type": "bool"}}
        self.server.records["Contact"][self.card.id] |= {"cBrand": brand, "cVip": vip}

    def fault(self, *faults: Fault) -> None:
        self.server.fault(*faults)

    def writes(self) -> int:
        return sum(self.server.is_write(request) for request in self.server.requests)

    def written(self, kind: Kind) -> Sequence[Written]:
        """Drafts are no mails: what counts is what went out."""
        return [
            _written(kind, record) for record in self.server.all(_ENTITIES[kind]) if record.get("status") != "Draft"
        ]

    def namesake(self) -> CardRef:
        last, first, middle = NAME.split()
        names = {"lastName": last, "firstName": first, "middleName": middle}
        return CardRef("contact", self.server.add("Contact", **names, phones=[PHONE]))

    def genuine_event(self) -> CrmEvent:
        """A call that was just recorded as held, with answers."""
        call = self.server.add("Call", **self.call())
        body = json.dumps([self.server.records["Call"][call]], ensure_ascii=False).encode()
        return CrmEvent(signed(body), None, {}, body)

    def change_reminder(
        self,
        remote_id: str,
        *,
        done_by: str | None = None,
        person: str | None = None,
        due: datetime | None = None,
        deleted: bool = False,
    ) -> None:
        tasks = self.server.records["Task"]
        if done_by is not None:
            now = self.server.stamp()
            tasks[remote_id] |= {"status": "Completed", "modifiedById": done_by, "dateCompleted": now}
        if person is not None:
            tasks[remote_id]["assignedUserId"] = person
        if due is not None:
            tasks[remote_id]["dateEnd"] = due.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        if deleted:
            del tasks[remote_id]

    def missed(self, number: int) -> datetime:
        since = self.server.now - timedelta(seconds=1)
        for _ in range(number):
            self.server.add("Call", **self.call())
        return since

    def answered_otherwise(self) -> datetime:
        *_, last = self.server.records["Call"].values()
        last |= {"cKind": "All", "modifiedAt": self.server.stamp(5)}
        return self.server.now + timedelta(seconds=4)

    def call(self, **changes: Any) -> Record:
        """A held call with the contact of the card."""
        return {
            "name": "Опрос",
            "status": "Held",
            "direction": "Outbound",
            "dateStart": self.server.stamp(-600),
            "dateEnd": self.server.stamp(-300),
            "createdById": self.people[0].user,
            "assignedUserName": "Петрова Анна",
            "parentType": None,
            "parentId": None,
            "contactsIds": [self.card.id],
            "contactsNames": {self.card.id: NAME},
            "phoneNumbersMap": {f"Contact_{self.card.id}": "+79161234567"},
            "cRelated": "Yes",
            "cKind": "Calls",
            "cWho": None,
            **changes,
        }


def _written(kind: Kind, record: Record) -> Written:
    parent = record.get("parentId")
    card = CardRef(_CARDS[record["parentType"]], parent) if parent else None
    match kind:
        case "comment":
            return Written(record["id"], shown(record["post"]), card)
        case "reminder":
            due = moment(record["dateEnd"])
            return Written(
                record["id"], shown(record["description"]), card, record["name"], record["assignedUserId"], due
            )
        case "email":
            return Written(record["id"], record["body"], None, record["subject"], record["to"])


@contextmanager
def rig(**overrides: Any) -> Iterator[EspoRig]:
    """A fresh CRM for the length of the block; ``overrides`` are settings of its account."""
    server = EspoServer()
    with server.running():
        made = EspoRig(server, **overrides)
        try:
            yield made
        finally:
            made.connector.close()
