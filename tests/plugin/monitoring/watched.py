"""A ledger with calls, deliveries and sources, and processes that watch over it: for tests of alerts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import insert, select, update

from connectors.smtp import Mailer
from plugin.authoring.revisions.active import ActiveRules
from plugin.config.settings import AlertPolicy, Settings, Source, StampService
from plugin.ledger.schema import activations, alert_mails, alerts, breakers, events, revisions
from plugin.monitoring import AlertWatch
from plugin.resilience.breaker import BreakerState
from plugin.resilience.gates import AccountGates
from tests.plugin.delivery.fake_crm import Clock, FakeCrm
from tests.plugin.delivery.harness import BreakableLedger, FakeMailer, House

ADMIN, CHIEF = "admin@dealer.example", "chief@dealer.example"


class Watched:
    """One dealership. The clock stands still until it is moved; ``look`` is one look of one process."""

    def __init__(self, url: str) -> None:
        self.clock = Clock()
        self.ledger = BreakableLedger(url, clock=self.clock)
        self.house = House(self.ledger, clock=self.clock)
        self.mailer = FakeMailer()
        self.policy = AlertPolicy(to=(ADMIN,), gather_minutes=0, check_seconds=60)
        self.sources: tuple[Source, ...] = ()
        self.active = "a" * 64
        self.language = "ru"
        self.stamps: StampService | None = None
        self._watches: dict[str, AlertWatch] = {}

    @property
    def settings(self) -> Settings:
        return replace(
            self.house.settings, alerts=self.policy, sources=self.sources, language=self.language, stamps=self.stamps
        )

    def close(self) -> None:
        self.ledger.close()

    def watch(self, host: str = "host") -> AlertWatch:
        """A process of its own that watches, on the machine called so."""
        rules = cast(ActiveRules, SimpleNamespace(current=lambda: SimpleNamespace(revision=self.active)))
        settings = self.settings
        gates = AccountGates(self.ledger, FakeCrm(self.house.crm), settings.delivery, self.clock)
        gates.refresh()
        mailer = cast(Mailer, self.mailer)
        return AlertWatch(self.ledger, rules, mailer, settings, gates, self.clock, f"{host}:1:x", Random(1))

    def look(self, minutes: float = 0, host: str = "host") -> None:
        """So much later, one look."""
        self.clock.advance(minutes * 60)
        if host not in self._watches:
            self._watches[host] = self.watch(host)
        self._watches[host].run()

    # --- filling the ledger ------------------------------------------------------------------------

    def parked(self, why: str = "no such user") -> int:
        return self.house.one(state="parked", why=why)

    def waiting(self, deadline: datetime, **columns: Any) -> int:
        """A delivery that waits, of a call of long ago."""
        decision = self.house.decision(deadline=deadline)
        ago = {"created_at": self.clock() - timedelta(hours=20)}
        return self.house.delivery(decision, **({"state": "waiting"} | ago | columns))

    def done(self, delivery: int) -> None:
        self.house.change(delivery, state="done")

    def account(self, name: str, away_since: datetime | None, *, blocked: bool = False) -> None:
        state = (
            BreakerState(5, (), away_since, away_since, 30.0, "no connection", blocked)
            if away_since
            else BreakerState()
        )
        with self.ledger.write() as connection:
            if connection.execute(select(breakers).where(breakers.c.account == name)).first() is None:
                connection.execute(insert(breakers), {"account": name} | BreakerState().columns())
            connection.execute(update(breakers).where(breakers.c.account == name).values(**state.columns()))

    def activated(self, revision: str) -> None:
        """Somebody publishes rules."""
        with self.ledger.write() as connection:
            known = connection.execute(select(revisions).where(revisions.c.revision == revision)).first()
            if known is None:
                row = {"revision": revision, "content": {}, "created_at": self.clock()}
                connection.execute(insert(revisions), row)
            row = {"revision": revision, "activated_at": self.clock(), "by": "test", "reason": "test"}
            connection.execute(insert(activations), row)

    def event(self, source: str, at: datetime) -> None:
        row = {"source": source, "event_id": f"e-{next(self.house.numbers)}", "digest": "0" * 64, "received_at": at}
        with self.ledger.write() as connection:
            connection.execute(insert(events), row | {"final": True, "answer": {}})

    # --- looking -----------------------------------------------------------------------------------

    def alerts(self) -> list[Any]:
        with self.ledger.read() as connection:
            return list(connection.execute(select(alerts).order_by(alerts.c.id)))

    def standing(self) -> list[str]:
        """The causes that stand."""
        return [row.cause for row in self.alerts() if row.closed_at is None]

    def mails(self) -> list[Any]:
        """The rows of mails to be sent, and sent."""
        with self.ledger.read() as connection:
            return list(connection.execute(select(alert_mails).order_by(alert_mails.c.id)))

    @property
    def subjects(self) -> list[str]:
        """What the admins have got."""
        return [subject for _, subject, _, _ in self.mailer.mails]
