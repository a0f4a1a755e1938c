"""An amoCRM account on loopback with a connector to it, for the contract suite and this folder's tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.amocrm import AmoConnector
from connectors.amocrm.contacts import TYPES
from connectors.base import Assignee, CardRef, Kind
from connectors.http.rate_limit import RateLimiter
from tests.connectors.amocrm.server import (
    ACCOUNT,
    CLIENT_ID,
    CLIENT_SECRET,
    CODE,
    COORDINATOR,
    OWN,
    REDIRECT,
    SMS_MANAGER,
    TOKEN,
    AmoServer,
    webhook,
)
from tests.connectors.contract.rig import NAME, PHONE, CrmEvent, Written
from tests.support.fake_api import PATIENCE, Fault

SECRET = "webhook-secret-0123456789"
#: The custom field of the answers that the rig maps.
FIELD = 555_001
ENTRIES = [{"id": 900, "value": "Не спрашивали"}, {"id": 901, "value": "Звонки"}, {"id": 902, "value": "Все"}]
#: Custom fields of the contact that rules read.
BRAND, VIP = 555_009, 555_010
BRANDS = [{"id": 951, "value": "Kia"}, {"id": 952, "value": "Lada"}, {"id": 953, "value": "Opel"}]
CARD_FIELDS = {
    "brand": {"field": str(BRAND), "values": {"Kia": "Kia", "952": "Lada"}},
    "vip": {"field": str(VIP), "values": {"true": True, "false": False}},
    "absent": {"field": "555999"},
}
TOLD = ["note_contact", "note_lead", "update_contact", "update_lead"]
FACTS = {"refuses": {"field": str(FIELD), "values": {"901": "calls", "902": "all"}, "empty": ["900"]}}


def settings(url: str, **more: Any) -> dict[str, Any]:
    """Settings of an account as plugin.toml gives them, by a long-lived token unless OAuth is asked for."""
    given: dict[str, Any] = {
        "base_url": url,
        "account_id": ACCOUNT,
        "own_user": OWN,
        "webhook_secret": SECRET,
        "facts": FACTS,
        "read_seconds": PATIENCE.read_seconds,
        "connect_seconds": 1.0,
        "settling_seconds": 0.0,
        "burst": 1000,
    }
    if "client_id" not in more:
        given["token"] = TOKEN
    return given | more


def oauth(**more: Any) -> dict[str, Any]:
    """What belongs to OAuth."""
    return {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uri": REDIRECT, "code": CODE} | more


class Turns:
    """The turns of a client that never really waits: ``waited`` is how many seconds it would have, all in all."""

    def __init__(self) -> None:
        self.waited = 0.0
        self.limiter = RateLimiter(1000.0, 1000, clock=lambda: self.waited, sleep=self._wait)

    def _wait(self, seconds: float) -> None:
        self.waited += seconds


class AmoRig:
    """As ``tests.connectors.contract.rig.Rig``."""

    secrets = (TOKEN, SECRET)
    never: Mapping[Fault, str] = {}

    def __init__(self, server: AmoServer, **more: Any) -> None:
        self.server = server
        self.turns = Turns()
        self.connector = AmoConnector(
            AmoConnector.Settings().load(settings(server.url, **{"card_fields": CARD_FIELDS} | more)),
            limiter=self.turns.limiter,
        )
        server.account.fields["contacts"] = [{"id": FIELD, "name": "Отказ", "type": "select", "enums": ENTRIES}]
        server.account.fields["contacts"] += [
            {"id": BRAND, "name": "Марка", "type": "select", "enums": BRANDS},
            {"id": VIP, "name": "VIP", "type": "checkbox", "enums": None},
        ]
        address = f"https://optout.example.org/events/amocrm/{SECRET}"
        server.account.webhooks = [{"id": 1, "destination": address, "settings": TOLD, "disabled": False}]
        contact = server.card("contacts", NAME, ["8 (916) 123-45-67"])
        server.card("contacts", "Петрова Алёна Игоревна", ["+7 495 000-11-22"])
        self.card = CardRef("contact", str(contact))
        self.missing = CardRef("contact", "999999999")
        self.people = (Assignee(user=str(COORDINATOR)), Assignee(user=str(SMS_MANAGER)))

    def fill(self, brand: str | None, vip: bool | None) -> None:
        entries = [{"value": one["value"], "enum_id": one["id"]} for one in BRANDS if one["value"] == brand]
        self.server.fill("contacts", int(self.card.id), BRAND, entries)
        self.server.fill("contacts", int(self.card.id), VIP, [] if vip is None else [{"value": vip}])

    def fault(self, *faults: Fault) -> None:
        self.server.fault(*faults)

    def written(self, kind: Kind) -> Sequence[Written]:
        account = self.server.account
        if kind == "email":
            return []
        if kind == "comment":
            notes = [note for note in account.notes.values() if note["note_type"] == "common"]
            return [
                Written(str(note["id"]), note["params"]["text"], _card(note["_collection"], note)) for note in notes
            ]
        return [_reminder(task) for task in account.tasks.values()]

    def writes(self) -> int:
        return sum(1 for request in self.server.requests if self.server.is_write(request))

    def namesake(self) -> CardRef:
        return CardRef("contact", str(self.server.card("contacts", NAME, [PHONE])))

    def genuine_event(self) -> CrmEvent | None:
        card = int(self.card.id)
        note = self._call(card, "call-77")
        fields = {"id": note, "element_id": card, "element_type": 1, "note_type": 11, "created_by": COORDINATOR}
        body = webhook({f"contacts[note][0][note][{name}]": value for name, value in fields.items()})
        return CrmEvent({"content-type": "application/x-www-form-urlencoded"}, SECRET, {}, body)

    def change_reminder(
        self,
        remote_id: str,
        *,
        done_by: str | None = None,
        person: str | None = None,
        due: datetime | None = None,
        deleted: bool = False,
    ) -> None:
        tasks, number = self.server.account.tasks, int(remote_id)
        if done_by is not None:
            changed = int(self.server.now().timestamp())
            tasks[number] |= {"is_completed": True, "updated_by": int(done_by), "updated_at": changed}
        if person is not None:
            tasks[number]["responsible_user_id"] = int(person)
        if due is not None:
            tasks[number]["complete_till"] = int(due.timestamp())
        if deleted:
            del tasks[number]

    def missed(self, number: int) -> datetime:
        since = datetime.now(UTC) - timedelta(seconds=1)
        for _ in range(number):
            card = int(self.card.id) if number == 1 else self.server.card("contacts", NAME, [PHONE])
            self._call(card, uniq=f"call-{card}")
        return since

    def answered_otherwise(self) -> datetime:
        since = datetime.now(UTC)
        told = int(since.timestamp()) + 1
        self.server.fill("contacts", int(self.card.id), FIELD, [{"value": "Все", "enum_id": 902}], created_at=told)
        return since

    def _call(self, card: int, uniq: str) -> int:
        params = {"uniq": uniq, "duration": 60, "source": "АТС", "phone": "+79161234567", "call_status": 4}
        note = self.server.note("contacts", card, note_type="call_out", params=params, responsible_user_id=COORDINATOR)
        self.server.fill("contacts", card, FIELD, [{"value": "Звонки", "enum_id": 901}])
        return note


def _card(collection: str, record: Mapping[str, Any]) -> CardRef:
    return CardRef(TYPES[collection], str(record["entity_id"]))


def _reminder(task: Mapping[str, Any]) -> Written:
    subject, _, text = task["text"].partition("\n")
    return Written(
        str(task["id"]),
        text,
        _card(task["entity_type"], task),
        subject,
        str(task["responsible_user_id"]),
        datetime.fromtimestamp(task["complete_till"], UTC),
    )


@contextmanager
def rig(**more: Any) -> Iterator[AmoRig]:
    """A fresh account; ``more`` are further settings of the connector."""
    server = AmoServer()
    with server.running():
        this = AmoRig(server, **more)
        try:
            yield this
        finally:
            this.connector.close()
