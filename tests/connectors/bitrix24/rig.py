"""The rig of the contract suite for Bitrix24, and the accounts of its other tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from connectors.base import Assignee, CardRef, Kind
from connectors.bitrix24 import Bitrix24Connector
from tests.connectors.bitrix24 import server
from tests.connectors.bitrix24.records import TYPES
from tests.connectors.bitrix24.server import Portal
from tests.connectors.contract.rig import NAME, PHONE, CrmEvent, Written
from tests.support.fake_api import PATIENCE, Fault

#: The field of the contact that a robot fills when the answers are entered, and the answers' own fields.
CHANGED, RELATED, SURVEYS = "UF_CRM_1700000000", "UF_CRM_1700000001", "UF_CRM_1700000002"
FACTS = {
    "related_to_car": {"field": RELATED, "values": {"Y": True, "N": False}},
    "survey_type": {"field": SURVEYS, "values": {"45": "calls", "46": "online", "47": "all"}, "empty": ["44"]},
}
#: Fields of the contact that rules read.
BRAND, VIP = "UF_CRM_1700000009", "UF_CRM_1700000010"
CARD_FIELDS = {
    "brand": {"field": BRAND, "values": {"51": "Kia", "52": "Lada"}},
    "vip": {"field": VIP, "values": {"Y": True, "N": False}},
    "absent": {"field": "UF_CRM_1799999999"},
}
BRANDS = {"Kia": "51", "Lada": "52", "Opel": "53"}
CALL_STARTED = "2026-11-22T10:10:00+03:00"
_FAST = {"connect_seconds": 1.0, "requests_per_second": 1000.0, "burst": 1000}


def _fast() -> dict[str, float]:
    return _FAST | {"read_seconds": PATIENCE.read_seconds}


def with_webhook(portal: Portal, **settings: Any) -> dict[str, Any]:
    """The settings of an account that comes in by a webhook."""
    return {"webhook": portal.webhook, "application_token": server.APPLICATION_TOKEN, **_fast(), **settings}


def with_application(portal: Portal, **settings: Any) -> dict[str, Any]:
    """The settings of an account that comes in as a local application."""
    application = {
        "portal": portal.url,
        "oauth_server": portal.url,
        "client_id": server.CLIENT_ID,
        "client_secret": server.CLIENT_SECRET,
        "refresh_token": server.FIRST_REFRESH,
        "application_token": server.APPLICATION_TOKEN,
        "own_user": server.USER,
        "member_id": server.MEMBER,
    }
    return application | _fast() | settings


def connected(
    settings: Mapping[str, Any], now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Bitrix24Connector:
    """A connector as the plugin makes it."""
    return Bitrix24Connector(Bitrix24Connector.Settings().load(settings), now=now)


def with_client(portal: Portal) -> CardRef:
    """Puts the contact of the contract suite there, its phone in a notation of its own."""
    last, first, second = NAME.split()
    portal.records.fields[TYPES["contact"]] |= {CHANGED: {"type": "datetime"}}
    portal.records.add_item(
        "contact", "42", lastName=last, name=first, secondName=second, phones=("8 (916) 123-45-67",)
    )
    return CardRef("contact", "42")


def with_call(portal: Portal, card: str = "42", activity: str = "7953", **line: Any) -> None:
    """A call with this contact, as the statistics and the timeline have it, answers on the contact's card."""
    portal.records.lines.append(
        {
            "ID": activity,
            "CALL_ID": "externalCall.7b0c7de811455ef32b18dc5917e4306a.1773239327",
            "PHONE_NUMBER": "+79161234567",
            "PORTAL_USER_ID": "7",
            "CALL_START_DATE": CALL_STARTED,
            "CALL_DURATION": "300",
            "CALL_FAILED_CODE": "200",
            "CRM_ENTITY_TYPE": "CONTACT",
            "CRM_ENTITY_ID": card,
            "CRM_ACTIVITY_ID": activity,
            "COMMENT": None,
        }
        | line
    )
    portal.records.activities[activity] = {
        "ID": activity,
        "OWNER_TYPE_ID": str(TYPES["contact"]),
        "OWNER_ID": card,
        "TYPE_ID": "2",
        "PROVIDER_ID": "VOXIMPLANT_CALL",
        "START_TIME": CALL_STARTED,
        "END_TIME": "2026-11-22T10:15:00+03:00",
        "CREATED": CALL_STARTED,
        "LAST_UPDATED": "2026-11-22T10:15:01+03:00",
        "RESPONSIBLE_ID": "7",
        "EDITOR_ID": "7",
        "COMPLETED": "Y",
        "DESCRIPTION": "",
    }
    answers = {CHANGED: "2026-11-22T10:14:00+03:00", RELATED: "Y", SURVEYS: "45"}
    portal.records.items[TYPES["contact"]][card] |= answers


def call_end(**changed: str) -> bytes:
    """The body of ONVOXIMPLANTCALLEND as the portal's queue sends it."""
    fields = {
        "event": "ONVOXIMPLANTCALLEND",
        "event_handler_id": "1061",
        "data[CALL_ID]": "externalCall.7b0c7de811455ef32b18dc5917e4306a.1773239327",
        "data[CALL_TYPE]": "1",
        "data[PHONE_NUMBER]": "+79161234567",
        "data[PORTAL_USER_ID]": "7",
        "data[CALL_DURATION]": "300",
        "data[CALL_START_DATE]": CALL_STARTED,
        "data[CALL_FAILED_CODE]": "200",
        "data[CRM_ACTIVITY_ID]": "7953",
        "ts": "1773239624",
        "auth[domain]": "portal.example.org",
        "auth[member_id]": server.MEMBER,
        "auth[application_token]": server.APPLICATION_TOKEN,
    }
    return urlencode(fields | changed).encode()


class Bitrix24Rig:
    """A local application on a fresh portal."""

    never: Mapping[Fault, str] = {}

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.card = with_client(portal)
        self.missing = CardRef("contact", "999999")
        self.people = (Assignee("5", "user5@example.org"), Assignee("7", "user7@example.org"))
        self.secrets = (server.CLIENT_SECRET, server.FIRST_REFRESH, server.APPLICATION_TOKEN)
        settings = with_application(
            portal, settling_seconds=0.0, facts=FACTS, facts_changed_field=CHANGED, card_fields=CARD_FIELDS
        )
        self.connector = connected(settings)
        with_call(portal)
        listed = [{"ID": number, "VALUE": brand} for brand, number in BRANDS.items()]
        described = {BRAND: {"type": "enumeration", "items": listed}, VIP: {"type": "boolean"}}
        portal.records.fields[TYPES["contact"]] |= described

    def fill(self, brand: str | None, vip: bool | None) -> None:
        held = {BRAND: brand and BRANDS[brand], VIP: None if vip is None else "Y" if vip else "N"}
        self.portal.records.items[TYPES["contact"]]["42"] |= held

    def fault(self, *faults: Fault) -> None:
        self.portal.fault(*faults)

    def writes(self) -> int:
        with self.portal.lock:
            return sum(self.portal.is_write(request) for request in self.portal.requests)

    def written(self, kind: Kind) -> Sequence[Written]:
        with self.portal.lock:
            records = self.portal.records
            if kind == "comment":
                return [
                    Written(one["ID"], one["COMMENT"], CardRef(one["ENTITY_TYPE"], one["ENTITY_ID"]))
                    for one in records.comments.values()
                ]
            if kind == "email":
                return [
                    Written(number, text, subject=subject, assignee=str(one["USER_ID"]))
                    for number, one in records.notifications.items()
                    for subject, _, text in [str(one["MESSAGE_OUT"]).partition("\n")]
                ]
            return [self._reminder(one) for one in records.activities.values() if one["PROVIDER_ID"] == "CRM_TODO"]

    @staticmethod
    def _reminder(record: Mapping[str, Any]) -> Written:
        names = {str(number): name for name, number in TYPES.items()}
        return Written(
            record["ID"],
            record["DESCRIPTION"],
            CardRef(names[record["OWNER_TYPE_ID"]], record["OWNER_ID"]),
            record["SUBJECT"],
            record["RESPONSIBLE_ID"],
            datetime.fromisoformat(record["DEADLINE"]),
        )

    def namesake(self) -> CardRef:
        last, first, second = NAME.split()
        self.portal.records.add_item("contact", "43", lastName=last, name=first, secondName=second, phones=(PHONE,))
        return CardRef("contact", "43")

    def change_reminder(
        self,
        remote_id: str,
        *,
        done_by: str | None = None,
        person: str | None = None,
        due: datetime | None = None,
        deleted: bool = False,
    ) -> None:
        activities = self.portal.records.activities
        if done_by is not None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            activities[remote_id] |= {"COMPLETED": "Y", "EDITOR_ID": done_by, "LAST_UPDATED": now}
        if person is not None:
            activities[remote_id]["RESPONSIBLE_ID"] = person
        if due is not None:
            activities[remote_id]["DEADLINE"] = due.isoformat()
        if deleted:
            del activities[remote_id]

    def missed(self, number: int) -> datetime:
        """The call that is there already is one of them."""
        for other in range(1, number):
            with_call(self.portal, activity=str(7953 + other), CALL_ID=f"externalCall.{other}")
        return datetime.fromisoformat(CALL_STARTED)

    def answered_otherwise(self) -> datetime:
        given = "2026-11-22T10:16:00+03:00"
        self.portal.records.items[TYPES["contact"]]["42"] |= {CHANGED: given, SURVEYS: "47"}
        return datetime.fromisoformat(given)

    def genuine_event(self) -> CrmEvent | None:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return CrmEvent(headers, None, {}, call_end())


@contextmanager
def rig() -> Iterator[Bitrix24Rig]:
    """A rig of its own for one test."""
    portal = Portal()
    with portal.running():
        made = Bitrix24Rig(portal)
        try:
            yield made
        finally:
            made.connector.close()
