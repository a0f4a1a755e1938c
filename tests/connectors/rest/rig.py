"""The rig of the contract suite: the connector on Polka, by the description in the connector's README."""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.base import Assignee, CardRef, Kind
from connectors.rest import RestConnector
from connectors.rest.profiles import laid_over
from tests.connectors.contract.rig import NAME, PHONE, CrmEvent, Written
from tests.connectors.rest.server import CLIENT_SECRET, Polka
from tests.support.fake_api import PATIENCE, Fault

README = Path(__file__).parents[3] / "connectors/rest/README.md"
EVENT_SECRET = "polka-event-secret"
SECRETS = {"client_secret": CLIENT_SECRET, "event_secret": EVENT_SECRET}
#: Fields of cards that rules read.
CARD_FIELDS = {
    "brand": {"field": "car.brand", "values": {"Kia": "Kia", "Lada": "Lada"}},
    "vip": {"field": "vip", "values": {"1": True, "0": False}},
    "absent": {"field": "city.name"},
}
_QUICK = {"connect_seconds": 0.5, "settling_seconds": 0, "requests_per_second": 200, "burst": 200}


def example() -> dict[str, Any]:
    """The README's description of Polka: ``[crm.rest]`` of its first TOML block that has one."""
    blocks = re.findall(r"^```toml\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    described = next(data for data in map(tomllib.loads, blocks) if "comment" in data.get("crm", {}).get("rest", {}))
    return dict(described["crm"]["rest"])


def without(data: Mapping[str, Any], places: str) -> dict[str, Any]:
    """The description without these keys."""
    kept = laid_over(data, {})
    for place in places.split():
        *tables, key = place.split(".")
        table = kept
        for step in tables:
            table[step] = dict(table[step])
            table = table[step]
        del table[key]
    return kept


def settings(url: str, leave_out: str = "", **changes: Any) -> dict[str, Any]:
    """Loaded settings of an account at this Polka; ``changes`` are laid over the description, less ``leave_out``."""
    given = laid_over(
        without(example() | SECRETS, leave_out),
        {**_QUICK, "read_seconds": PATIENCE.read_seconds, "base_url": f"{url}/v2", **changes},
    )
    return dict(RestConnector.Settings().load(given))


class PolkaRig:
    """See ``tests.connectors.contract.rig.Rig``."""

    card = CardRef("client", "7")
    missing = CardRef("client", "404")
    people = (Assignee("p1", "coordinator@example.org"), Assignee("p2", "sms.manager@example.org"))
    secrets = (CLIENT_SECRET, EVENT_SECRET, "polka-token-")
    never: Mapping[Fault, str] = {}

    def __init__(self, leave_out: str = "", **changes: Any) -> None:
        self.api = Polka()
        described = settings(self.api.url, leave_out, **{"card_fields": CARD_FIELDS} | changes)
        self.connector = RestConnector(described)

    def fill(self, brand: str | None, vip: bool | None) -> None:
        with self.api.lock:
            self.api.clients["7"] |= {"car": {"brand": brand}, "vip": None if vip is None else int(vip)}

    def fault(self, *faults: Fault) -> None:
        self.api.fault(*faults)

    def written(self, kind: Kind) -> Sequence[Written]:
        with self.api.lock:
            match kind:
                case "comment":
                    return [_note(record) for record in self.api.notes.values()]
                case "reminder":
                    return [_todo(record) for record in self.api.todos.values()]
                case "email":
                    return [_mail(record) for record in self.api.mails.values()]

    def writes(self) -> int:
        with self.api.lock:
            return sum(self.api.is_write(request) for request in self.api.requests)

    def namesake(self) -> CardRef:
        with self.api.lock:
            self.api.clients["10"] = {"id": 10, "full_name": NAME, "numbers": [{"value": PHONE}]}
        return CardRef("client", "10")

    def genuine_event(self) -> CrmEvent:
        with self.api.lock:
            self.api.calls["c-1"] = call_record()
        return event({"type": "call.ended", "call": "c-1", "by": "p1"})

    def change_reminder(
        self,
        remote_id: str,
        *,
        done_by: str | None = None,
        person: str | None = None,
        due: datetime | None = None,
        deleted: bool = False,
    ) -> None:
        with self.api.lock:
            record = self.api.todos[remote_id]
            if done_by is not None:
                record |= {"state": "done", "closed_by": done_by, "closed_at": datetime.now(UTC).isoformat()}
            if person is not None:
                record["person"] = person
            if due is not None:
                record["due"] = str(int(due.timestamp()))
            if deleted:
                del self.api.todos[remote_id]

    def missed(self, number: int) -> datetime:
        ended = datetime.now(UTC).replace(microsecond=0)
        with self.api.lock:
            for call in range(number):
                name = f"m-{call}"
                self.api.calls[name] = call_record(id=name, ended=ended.isoformat())
        return ended - timedelta(seconds=1)

    def answered_otherwise(self) -> datetime:
        now = datetime.now(UTC)
        with self.api.lock:
            record = list(self.api.calls.values())[-1]
            record |= {"answers": {"related": "0", "what": "both"}, "changed": 6, "touched": now.isoformat()}
        return now - timedelta(seconds=1)


def call_record(**changes: Any) -> dict[str, Any]:
    """A call of the rig's card as Polka keeps it."""
    record = {
        "id": "c-1",
        "ended": "2026-11-22T10:15:00+03:00",
        "changed": 5,
        "state": "ended",
        "client": 7,
        "number": PHONE,
        "person": "p1",
        "answers": {"related": "1", "what": "phone"},
        "secret_notes": "not for the plugin",
    }
    return record | changes


def event(content: Mapping[str, Any], *, at: datetime | None = None, secret: str = EVENT_SECRET) -> CrmEvent:
    """An event as Polka signs it."""
    body = json.dumps(content).encode()
    timestamp = str(int((at or datetime.now(UTC)).timestamp()))
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return CrmEvent({"X-Polka-Time": timestamp, "X-Polka-Signature": f"sha256={digest}"}, None, {}, body)


def _note(record: Mapping[str, Any]) -> Written:
    return Written(str(record["id"]), record["body"], CardRef("client", str(record["client"])))


def _todo(record: Mapping[str, Any]) -> Written:
    due = datetime.fromtimestamp(int(record["due"]), UTC)
    card = CardRef("client", record["client"]) if record["client"] else None
    return Written(str(record["id"]), record["body"], card, record["title"], record["person"] or None, due)


def _mail(record: Mapping[str, Any]) -> Written:
    # As the recipient sees it.
    text = html.unescape(record["html"].replace("<br>\n", "\n"))
    return Written(str(record["id"]), text, None, record["subject"], record["to"])


@contextmanager
def rig(leave_out: str = "", **changes: Any) -> Iterator[PolkaRig]:
    """A rig for the length of the block; ``changes`` are laid over the description, less what is left out."""
    made = PolkaRig(leave_out, **changes)
    with made.api.running():
        try:
            yield made
        finally:
            made.connector.close()
