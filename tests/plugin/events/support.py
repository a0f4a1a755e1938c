"""Signs events as a sender does, and runs an intake on a real ledger with the shipped rules."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping, select, update
from standardwebhooks.webhooks import Webhook

from plugin.authoring.revisions.active import ActiveRules
from plugin.config.settings import CrmAccount, DeliveryPolicy, Manifest, Settings, Source, WebSettings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset import read_folder
from plugin.events import EventResponse, Intake, remind_of_unfinished
from plugin.ledger import Ledger
from plugin.ledger.schema import calls, decisions, deliveries, events
from tests.support.databases import migrate

RULES = Path(__file__).parents[3] / "rules"
#: The present of these tests: the business clock is injected, only signatures go by the machine's clock.
NOW = datetime(2026, 11, 22, 7, 20, tzinfo=UTC)
CALL_TIME = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)

SECRET = "whsec_" + base64.b64encode(b"the first secret of these tests.").decode()
NEW_SECRET = "whsec_" + base64.b64encode(b"the secret that comes after it..").decode()
PHONE_SECRET = "whsec_" + base64.b64encode(b"the secret of the phone system..").decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"the secret of somebody else.....").decode()

CALLS = {"related_to_car": True, "survey_type": "calls"}
ONLINE = {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "yes"}
ALL = {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "yes"}
NONE = {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "changed_mind"}
HALF = {"related_to_car": True}
OTHER_CLIENT = {"related_to_car": False, "is_client": True, "client_name": "Пётр Петров", "survey_type": "calls"}

_ids = itertools.count(1)


def call_result(facts: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A whole event; ``changes`` replace top-level fields, ``call`` and ``card`` are merged into, None leaves out."""
    event: dict[str, Any] = {
        "id": f"evt-{next(_ids)}",
        "occurred_at": CALL_TIME.isoformat(),
        "script": "survey_opt_out",
        "call": {"id": "c-77", "phone": "+79161234567", "operator": "ivanova"},
        "card": {"type": "contact", "id": "42", "name": "Анна Карточкина", "url": "https://crm.example/contact/42"},
        "facts": CALLS if facts is None else facts,
    }
    for name, value in changes.items():
        if name in ("call", "card") and isinstance(value, dict):
            event[name] = {key: inner for key, inner in (event[name] | value).items() if inner is not None}
        elif value is None:
            event.pop(name, None)
        else:
            event[name] = value
    return event


def at(minutes: float) -> str:
    """This many minutes after the call's time, as events spell it."""
    return (CALL_TIME + timedelta(minutes=minutes)).isoformat()


def as_bytes(event: Any) -> bytes:
    """The event as JSON on the wire."""
    return json.dumps(event, ensure_ascii=False).encode()


def headers_for(secret: str, webhook_id: str, body: bytes, signed_at: datetime | None = None) -> dict[str, str]:
    """The three headers of a body signed at this moment (by default: now)."""
    moment = signed_at or datetime.now(UTC)
    signature = Webhook(secret).sign(webhook_id, moment, body.decode())
    stamp = str(int(moment.timestamp()))
    return {"webhook-id": webhook_id, "webhook-timestamp": stamp, "webhook-signature": signature}


def signed(secret: str, event: Mapping[str, Any], signed_at: datetime | None = None) -> tuple[dict[str, str], bytes]:
    """Headers and body of an event as its sender sends it."""
    body = as_bytes(event)
    return headers_for(secret, str(event["id"]), body, signed_at), body


@cache
def rulebook() -> Rulebook:
    """The shipped rules, compiled once."""
    return Rulebook.load(RULES)


def edited_rules(edit: Callable[[dict[str, Any]], object]) -> Rulebook:
    """The shipped rules after an edit of their content (file name → parsed TOML): another revision."""
    content, _ = read_folder(RULES)
    copy = json.loads(json.dumps(content))
    edit(copy)
    return Rulebook.from_content(copy)


@dataclass
class Clock:
    """The business clock; ``pass_`` moves it."""

    time: datetime = NOW

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, **span: float) -> None:
        self.time += timedelta(**span)


@dataclass
class Office:
    """One intake on one ledger, and what the ledger then holds."""

    ledger: Ledger
    rules: ActiveRules
    settings: Settings
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.intake = Intake(self.ledger, self.rules, self.settings, self.clock)

    def with_settings(self, **changes: Any) -> Office:
        """The same ledger with other settings."""
        return Office(self.ledger, self.rules, replace(self.settings, **changes), self.clock)

    def send(self, event: Mapping[str, Any], secret: str = SECRET) -> EventResponse:
        """The answer to this event, rightly signed."""
        return self.intake.receive(*signed(secret, event))

    def taken(self, facts: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """The body of a 202."""
        return self.taken_body(call_result(facts, **changes))

    def taken_body(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The body of the 202 that this whole event gets."""
        answer = self.send(event)
        assert answer.status == 202, answer
        return answer.body

    def sweep(self) -> int:
        """Remind of unfinished calls."""
        return remind_of_unfinished(self.ledger, self.rules, self.settings, self.clock)

    def rows(self, table: Any, **where: Any) -> Sequence[RowMapping]:
        """All rows of a table in the order of writing."""
        query = select(table).order_by(table.c.id)
        for name, value in where.items():
            query = query.where(table.c[name] == value)
        with self.ledger.read() as connection:
            return connection.execute(query).mappings().all()

    def calls(self) -> Sequence[RowMapping]:
        return self.rows(calls)

    def call(self) -> RowMapping:
        """The only call."""
        (only,) = self.calls()
        return only

    def events(self) -> Sequence[RowMapping]:
        return self.rows(events)

    def decisions(self) -> Sequence[RowMapping]:
        return self.rows(decisions)

    def outcomes(self) -> list[tuple[int, str | None]]:
        """Number and outcome of every decision written."""
        return [(row["number"], row["outcome"]) for row in self.decisions()]

    def deliveries(self, number: int | None = None) -> list[RowMapping]:
        """The deliveries, of one decision number or all."""
        numbers = {row["id"]: row["number"] for row in self.decisions()}
        return [row for row in self.rows(deliveries) if number in (None, numbers[row["decision_ref"]])]

    def planned(self, number: int | None = None) -> list[tuple[str, str | None]]:
        """Kind and role of the deliveries."""
        return [(row["kind"], row["role"]) for row in self.deliveries(number)]

    def deliver(self, *, state: str = "done", number: int | None = None) -> None:
        """As if the delivery loop had brought the open deliveries into this state."""
        open_ = [row["id"] for row in self.deliveries(number) if row["state"] == "pending"]
        values: dict[str, Any] = {"state": state}
        if state in ("done", "unknown", "leased"):
            values["sent_at"] = self.clock()
        with self.ledger.write() as connection:
            connection.execute(update(deliveries).where(deliveries.c.id.in_(open_)).values(**values))


SETTINGS = Settings(
    home=Path("."),
    manifest=Manifest("optout", "1.0.0", ("call-result",)),
    rules_dir=RULES,
    default_script="survey_opt_out",
    ledger_url="",
    timezone=ZoneInfo("Europe/Moscow"),
    crm=CrmAccount("embedded", {}),
    sources=(
        Source("crm", (SECRET, NEW_SECRET), "dealership"),
        Source("telephony", (PHONE_SECRET,), "dealership"),
        Source("elsewhere", (OTHER_SECRET,), "elsewhere"),
    ),
    delivery=DeliveryPolicy(),
    smtp=None,
    web=WebSettings(),
)


@contextmanager
def office_at(path: Path, *, busy_seconds: float = 5.0) -> Iterator[Office]:
    """An office on a new ledger in this folder, with the shipped rules active."""
    with office_on(f"sqlite:///{path / 'ledger.db'}", busy_seconds=busy_seconds) as office:
        yield office


@contextmanager
def office_on(url: str, *, busy_seconds: float = 5.0) -> Iterator[Office]:
    """An office on the ledger at this url, with the shipped rules active."""
    ledger = Ledger(url, busy_seconds=busy_seconds)
    migrate(ledger)
    clock = Clock()
    rules = ActiveRules(ledger, clock)
    rules.activate(rulebook(), "test", "test")
    try:
        yield Office(ledger, rules, SETTINGS, clock)
    finally:
        ledger.close()
