"""The embedded CRM for the contract suite: the application itself, behind a front that plays the faults."""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.base import Assignee, CardRef, Kind
from connectors.embedded import EmbeddedConnector
from connectors.embedded.crm.app import Crm, Options, utc_now
from connectors.embedded.crm.mail import OutboxTransport
from connectors.embedded.crm.server import application
from connectors.embedded.crm.store import CrmStore
from connectors.embedded.signature import signed_headers
from tests.connectors.contract.rig import NAME, PHONE, CrmEvent, Written
from tests.support.fake_api import PATIENCE, ApiAnswer, ApiRequest, FakeApi, Fault

TOKEN = "embedded-crm-token"
SECRET = "embedded-webhook-secret"
FIELDS = {
    "brand": {"field": "Марка", "values": {"Kia": "Kia", "Lada": "Lada"}},
    "vip": {"field": "VIP", "values": {"да": True, "нет": False}},
    "absent": {"field": "Город"},
}
_COLLECTIONS: Mapping[Kind, str] = {"comment": "comments", "reminder": "reminders", "email": "mails"}


class Front(FakeApi):
    """Passes each request on to the application, in this process."""

    def __init__(self, crm: Crm) -> None:
        super().__init__()
        self._client = application(crm).test_client()

    def answer(self, request: ApiRequest) -> ApiAnswer:
        response = self._client.open(
            request.path,
            method=request.method,
            query_string=dict(request.query),
            headers=dict(request.headers),
            data=request.body,
        )
        return ApiAnswer(response.status_code, response.data, {"Content-Type": response.content_type or ""})

    def worded(self, fault: Fault) -> ApiAnswer:
        status, code, headers = {
            Fault.THROTTLED: (429, "throttled", {"Retry-After": "2"}),
            Fault.REFUSED: (422, "invalid", {}),
            Fault.TOKEN_EXPIRED: (401, "unauthorized", {"WWW-Authenticate": "Bearer"}),
        }.get(fault, (500, "internal", {}))
        return ApiAnswer(status, {"error": {"code": code, "message": "a fault that was asked for"}}, headers)


class EmbeddedRig:
    """A CRM with one card and two users."""

    secrets = (TOKEN, SECRET)
    never: Mapping[Fault, str] = {Fault.BLOCKED: "the embedded CRM shuts nobody out: it has one token and no quota"}

    def __init__(self, crm: Crm, front: Front, **overrides: Any) -> None:
        self.front = front
        self._crm = crm
        self._numbers = itertools.count(1)
        self._client = application(crm).test_client()
        # Another number, then the one that is looked for, in a notation of its own.
        card = self.api("POST", "cards", {"name": NAME, "phones": ["8 495 000-11-22", f"8 ({PHONE[2:5]}) {PHONE[5:]}"]})
        self.card = CardRef("contact", card["id"])
        self.missing = CardRef("contact", "999999")
        self.people = (self._user("coordinator"), self._user("sms"))
        account = {"base_url": front.url, "token": TOKEN, "webhook_secret": SECRET, "card_fields": FIELDS}
        quick = {"connect_seconds": 0.3, "read_seconds": PATIENCE.read_seconds, "settling_seconds": 0.0}
        self.connector = EmbeddedConnector(EmbeddedConnector.Settings().load(account | quick | overrides))

    def api(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """What the CRM answers to somebody who looks into it, past the faults."""
        response = self._client.open(
            f"/api/v1/{path}",
            method=method,
            json=body,
            query_string=query,
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        assert response.status_code < 300, response.text
        return response.json

    def _user(self, name: str) -> Assignee:
        address = f"{name}@example.org"
        self.api("POST", "users", {"id": name, "name": name, "email": address})
        return Assignee(name, address)

    def fill(self, brand: str | None, vip: bool | None) -> None:
        held = {"Марка": brand, "VIP": None if vip is None else "да" if vip else "нет"}
        self.api("PATCH", f"cards/{self.card.id}", {"fields": {name: one for name, one in held.items() if one}})

    def fault(self, *faults: Fault) -> None:
        self.front.fault(*faults)

    def writes(self) -> int:
        return sum(self.front.is_write(request) for request in self.front.requests)

    def written(self, kind: Kind) -> Sequence[Written]:
        with self.front.lock:
            return [_written(kind, record) for record in self.api("GET", _COLLECTIONS[kind], limit="200")["items"]]

    def namesake(self) -> CardRef:
        return CardRef("contact", self.api("POST", "cards", {"name": NAME, "phones": [PHONE]})["id"])

    def genuine_event(self) -> CrmEvent:
        number = next(self._numbers)
        facts = {"related": True, "kind": "calls"}
        call = {"id": f"call-{number}", "phone": PHONE, "card": self.card.id, "facts": facts, "final": True}
        self.api("POST", "calls", call)
        body = json.dumps({"event": "call.created", "call": f"call-{number}"}).encode()
        return CrmEvent(signed_headers(SECRET, body, datetime.now(UTC)), None, {}, body)

    def change_reminder(
        self,
        remote_id: str,
        *,
        done_by: str | None = None,
        person: str | None = None,
        due: datetime | None = None,
        deleted: bool = False,
    ) -> None:
        if done_by is not None:
            self.api("PUT", f"reminders/{remote_id}/done", {})
        with self._crm.store.transaction() as db:
            if person is not None:
                db.execute("UPDATE reminders SET assignee = ? WHERE id = ?", (person, remote_id))
            if due is not None:
                db.execute("UPDATE reminders SET due = ? WHERE id = ?", (due.isoformat(), remote_id))
            if deleted:
                db.execute("DELETE FROM reminders WHERE id = ?", (remote_id,))

    def missed(self, number: int) -> datetime:
        since = datetime.now(UTC)
        for _ in range(number):
            self.genuine_event()
        return since

    def answered_otherwise(self) -> datetime:
        since = datetime.now(UTC)
        calls = self.api("GET", "calls", limit="200")["items"]
        self.api("PATCH", f"calls/{calls[-1]['id']}", {"facts": {"related": True, "kind": "all"}})
        return since


def _written(kind: Kind, record: Mapping[str, Any]) -> Written:
    card = CardRef("contact", record["card"]) if record.get("card") else None
    match kind:
        case "comment":
            return Written(record["id"], record["text"], card)
        case "reminder":
            due = datetime.fromisoformat(record["due"])
            return Written(record["id"], record["text"], card, record["subject"], record["assignee"], due)
        case "email":
            who = record["user"] or record["address"]
            return Written(record["id"], record["text"], None, record["subject"], who)


@contextmanager
def rig(**overrides: Any) -> Iterator[EmbeddedRig]:
    """A fresh CRM for the length of the block; ``overrides`` are settings of its account."""
    folder = Path(tempfile.mkdtemp())
    crm = Crm(CrmStore(folder / "crm.db"), Options(TOKEN, OutboxTransport(folder / "outbox", utc_now)))
    front = Front(crm)
    try:
        with front.running():
            made = EmbeddedRig(crm, front, **overrides)
            try:
                yield made
            finally:
                made.connector.close()
    finally:
        crm.store.close()
        shutil.rmtree(folder)
