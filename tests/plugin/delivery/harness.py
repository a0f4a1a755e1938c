"""A ledger with calls and deliveries in it, and workers on it: what the tests of delivery are written with."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select, update

from connectors.base import Card, CardRef, Connector, Done, NotDone, Outcome, Unknown
from connectors.smtp import Mailer
from plugin.authoring.revisions.active import ActiveRules
from plugin.config.settings import CrmAccount, DeliveryPolicy, Manifest, Retention, Settings, SmtpServer, WebSettings
from plugin.deciding.ruleset import Role
from plugin.delivery import Worker
from plugin.errors import LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.schema import attempts, calls, decisions, deliveries, revisions
from tests.plugin.delivery.fake_crm import Clock, Crm, FakeCrm, Killed

CARD = CardRef("contact", "42")
COORDINATOR = Role("coordinator", "Координатор опросов", "u7", "coordinator@example.org", "smtp")
SMS_MANAGER = Role("sms_manager", "СМС-менеджер", "u8", "sms@example.org", "both")
#: How long the lease of this CRM's deliveries is: turn 10 + connect 5 + read 20 + settling 30 + margin 30.
LEASE = 95.0


class BreakableLedger(Ledger):
    """A ledger that cannot be written while ``broken``."""

    broken = False
    refused = 0
    writes = 0

    @contextmanager
    def write(self, *, alone: bool = False) -> Iterator[Connection]:
        if self.broken:
            self.refused += 1
            raise LedgerUnavailable("the disk is full")
        self.writes += 1
        with super().write(alone=alone) as connection:
            yield connection


class FakeMailer:
    """A mail server that keeps what it accepted; ``answers`` say how the next mails go."""

    total_seconds = 20.0

    def __init__(self) -> None:
        self.mails: list[tuple[str, str, str, str]] = []
        self.answers: list[str] = []
        #: The Message-IDs that each mail refers to.
        self.references: dict[str, tuple[str, ...]] = {}
        self.dead = False

    def send(self, to: str, subject: str, text: str, message_id: str, refers_to: Sequence[str] = ()) -> Outcome:
        answer = self.answers.pop(0) if self.answers else "ok"
        if answer == "killed" or self.dead:
            self.dead = True
            raise Killed
        if answer == "error":
            return NotDone("no connection")
        if answer == "greylisted":
            return NotDone("the mail server answered 451 (try again later)", status=451)
        if answer == "no login":
            return NotDone("the mail server answered 535 (wrong password)", permanent=True, status=535)
        if answer == "refused":
            return NotDone("the mail server answered 550 (no such user)", permanent=True, status=550)
        self.mails.append((to, subject, text, message_id))
        self.references[message_id] = tuple(refers_to)
        return Unknown("no answer in time") if answer == "unknown" else Done(message_id)


@dataclass
class House:
    """One dealership: its ledger, its CRM, its clock, and as many delivery processes as a test wants."""

    ledger: BreakableLedger
    clock: Clock = field(default_factory=Clock)
    roles: dict[str, Role] = field(default_factory=lambda: {r.name: r for r in (COORDINATOR, SMS_MANAGER)})
    policy: DeliveryPolicy = field(default_factory=lambda: DeliveryPolicy(threads=1, jitter=0.0, poll_seconds=0.01))
    smtp: SmtpServer | None = field(
        default_factory=lambda: SmtpServer("127.0.0.1", 25, "Опросы <optout@dealer.example.org>")
    )
    retention: Retention = field(default_factory=Retention)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    #: Another process has filled the ledger.
    prepared: bool = False

    def __post_init__(self) -> None:
        self.monotonic = self.clock.monotonic
        self.crm = Crm(self.clock)
        self.crm.contacts.append(Card(CARD, "Клиент Карточки", phones=("+79160000042",)))
        self.mailer = FakeMailer()
        if self.prepared:
            return
        with self.ledger.write() as connection:
            row = {"revision": "a" * 64, "content": {}, "created_at": self.clock()}
            connection.execute(insert(revisions), row)

    @property
    def settings(self) -> Settings:
        return Settings(
            home=Path(),
            manifest=Manifest("optout", "1", ()),
            rules_dir=Path("rules"),
            default_script="survey_opt_out",
            ledger_url="",
            timezone=ZoneInfo("Europe/Moscow"),
            crm=CrmAccount("fake", {}),
            sources=(),
            delivery=self.policy,
            smtp=self.smtp,
            web=WebSettings(),
            retention=self.retention,
        )

    def worker(
        self, crm: Connector | None = None, mailer: FakeMailer | None = None, *, on: Ledger | None = None
    ) -> Worker:
        """A delivery process of its own, under an owner of its own; ``on`` a connection of its own to the ledger."""
        rules = cast(ActiveRules, SimpleNamespace(current=lambda: SimpleNamespace(roles=self.roles, revision="a" * 64)))
        mail = cast(Mailer, mailer or self.mailer) if self.smtp else None
        owner = f"host:{next(self.numbers)}"
        return Worker(
            on or self.ledger,
            rules,
            crm or FakeCrm(self.crm),
            mail,
            self.settings,
            self.clock,
            owner,
            Random(1),
            monotonic=self.monotonic,
        )

    def run_once(self, *writes: str, reads: Sequence[str] = ()) -> FakeCrm:
        """One round of a new process; its CRM, which answers the next writes and reads like this."""
        crm = FakeCrm(self.crm)
        crm.writes.extend(writes)
        crm.reads.extend(reads)
        self.worker(crm).run_once()
        return crm

    # --- filling the ledger ------------------------------------------------------------------------

    def decision(
        self,
        *,
        card: CardRef | None = CARD,
        phone: str | None = "+79160000042",
        target: Mapping[str, str | None] | None = None,
        deadline: datetime | None = None,
    ) -> int:
        """A call with one decision; returns the decision's id."""
        number = next(self.numbers)
        now = self.clock()
        call = {
            "namespace": "crm",
            "call_id": f"c-{number}",
            "generation": 1,
            "script": "survey_opt_out",
            "phone": phone,
            "card_type": card and card.type,
            "card_id": card and card.id,
            "first_occurred_at": now,
            "last_occurred_at": now,
            "deadline_at": deadline or now + timedelta(hours=24),
            "late": False,
            "decision_number": 1,
        }
        with self.ledger.write() as connection:
            call_ref = _id(connection, calls, call)
            decision = {
                "call_ref": call_ref,
                "number": 1,
                "outcome": "exclude_calls",
                "revision": "a" * 64,
                "facts": {},
                "decision": {},
                "target": {"find": dict(target)} if target is not None else None,
                "created_at": now,
            }
            return _id(connection, decisions, decision)

    def delivery(self, decision: int, kind: str = "comment", **columns: Any) -> int:
        """A planned delivery; returns its id."""
        return self.planned(decision, [kind], **columns)[0]

    def planned(self, decision: int, kinds: Sequence[str], **columns: Any) -> list[int]:
        """Deliveries that are planned together, as by one call result; returns their ids."""
        now = self.clock()
        with self.ledger.write() as connection:
            call = connection.execute(
                select(calls).join(decisions, decisions.c.call_ref == calls.c.id).where(decisions.c.id == decision)
            ).one()
            return [_id(connection, deliveries, self._planned(call, decision, kind, now) | columns) for kind in kinds]

    def _planned(self, call: Any, decision: int, kind: str, now: datetime) -> dict[str, Any]:
        key = hashlib.sha256(str(next(self.numbers)).encode()).hexdigest()
        return {
            "call_ref": call.id,
            "decision_ref": decision,
            "key": key,
            "action": f"{kind}-{key[:4]}",
            "kind": kind,
            "role": None if kind == "comment" else "coordinator",
            "subject": None if kind == "comment" else "ИСКЛЮЧИТЬ",
            "text": f"Клиент просит исключить\n[ref:{key[:16]}]",
            "due_at": None if kind == "comment" else now + timedelta(hours=24),
            "deadline_at": call.deadline_at,
            "state": "pending",
            "not_before": now,
            "cancel": False,
            "attempts": 0,
            "created_at": now,
        }

    def one(self, kind: str = "comment", **columns: Any) -> int:
        """A call with one delivery."""
        return self.delivery(self.decision(), kind, **columns)

    def change(self, delivery: int, **columns: Any) -> None:
        with self.ledger.write() as connection:
            connection.execute(update(deliveries).where(deliveries.c.id == delivery).values(**columns))

    # --- looking -----------------------------------------------------------------------------------

    def row(self, delivery: int) -> Any:
        with self.ledger.read() as connection:
            return connection.execute(select(deliveries).where(deliveries.c.id == delivery)).one()

    def rows(self) -> list[Any]:
        with self.ledger.read() as connection:
            return list(connection.execute(select(deliveries).order_by(deliveries.c.id)))

    def card_of(self, decision: int) -> Any:
        with self.ledger.read() as connection:
            return connection.execute(select(decisions.c.card).where(decisions.c.id == decision)).scalar_one()

    def steps(self, delivery: int) -> list[tuple[str, str]]:
        """The log of attempts: (step, outcome), oldest first."""
        with self.ledger.read() as connection:
            rows = connection.execute(
                select(attempts).where(attempts.c.delivery_ref == delivery).order_by(attempts.c.id)
            )
            return [(row.step, row.outcome) for row in rows]

    def written(self, delivery: int) -> int:
        """How often the CRM holds this delivery."""
        return len(self.crm.having(self.row(delivery).key))

    def until_due(self, delivery: int) -> float:
        """Seconds from now until the delivery is due again."""
        return float((self.row(delivery).not_before - self.clock()).total_seconds())


def _id(connection: Connection, table: Any, values: Mapping[str, Any]) -> int:
    key = connection.execute(insert(table), values).inserted_primary_key
    assert key is not None
    return int(key[0])
