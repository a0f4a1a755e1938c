"""A CRM in memory in which people work on their reminders, and an office whose promises are watched over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, cast

from sqlalchemy import select

from connectors.base import Connector, CrmRefused, CrmUnavailable, Limits, Outcome, ReminderState, ReminderStatus
from connectors.smtp import Mailer
from plugin.config.settings import SmtpServer
from plugin.delivery import Worker
from plugin.ledger.promises import promises, watched_reminders
from plugin.ledger.schema import deliveries
from plugin.promise.bookkeeping import PromiseBook
from plugin.promise.reminder_watch import ReminderWatch
from plugin.resilience.gates import AccountGates
from tests.plugin.delivery.fake_crm import Crm, FakeCrm, Killed, Record
from tests.plugin.delivery.harness import FakeMailer
from tests.plugin.events.support import Clock, Office


class CrmClock:
    """The office's clock as the CRM asks for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self) -> datetime:
        return self._clock()

    @property
    def true(self) -> datetime:
        return self._clock()

    def advance(self, seconds: float) -> None:
        self._clock.pass_(seconds=seconds)


@dataclass
class Worked:
    """What people made of a reminder in the CRM."""

    by: str | None = None
    at: datetime | None = None
    person: str | None = None
    due: datetime | None = None
    deleted: bool = False


class WatchedCrm(FakeCrm):
    """Reads the states of many reminders at once. ``away``: it answers nobody. ``tells``: it says by whom and when."""

    most_reminders = 3

    def __init__(self, crm: Crm) -> None:
        super().__init__(crm)
        self.worked: dict[str, Worked] = {}
        self.looks: list[tuple[datetime, tuple[str, ...]]] = []
        self.away = False
        self.refuses = False
        self.tells = True
        self.dies = False
        self.meanwhile_looking: Any = None

    def limits(self) -> Limits:
        return Limits(connect_seconds=5, read_seconds=20, settling_seconds=30, requests_per_second=2, burst=10)

    def reminder_states(self, remote_ids: Sequence[str]) -> Mapping[str, ReminderStatus]:
        assert 1 <= len(remote_ids) <= self.most_reminders
        now = self.crm.clock()
        self.looks.append((now, tuple(remote_ids)))
        if self.meanwhile_looking is not None:
            meanwhile, self.meanwhile_looking = self.meanwhile_looking, None
            meanwhile()
        if self.dies:
            raise Killed
        if self.away:
            raise CrmUnavailable("no connection")
        if self.refuses:
            raise CrmRefused("no access", status=403)
        return {one: self._status(one) for one in remote_ids}

    def _status(self, remote_id: str) -> ReminderStatus:
        record = next((one for one in self.crm.records if one.remote_id == remote_id), None)
        worked = self.worked.get(remote_id, Worked())
        if record is None or worked.deleted:
            return ReminderStatus(ReminderState.MISSING)
        user = record.assignee.user if record.assignee else None
        told = worked if self.tells and worked.at else Worked()
        is_done = worked.at is not None or record.state is ReminderState.DONE
        state = ReminderState.DONE if is_done else ReminderState.OPEN
        return ReminderStatus(
            state, person=worked.person or user, due=worked.due or record.due, done_by=told.by, done_at=told.at
        )

    def complete_reminder(self, remote_id: str, why: str, key: str) -> Outcome:
        self.worked.setdefault(remote_id, Worked()).at = self.crm.clock()
        return self.withdraw_reminder(remote_id, why, key)

    # --- what people do ----------------------------------------------------------------------------

    def reminders(self) -> list[Record]:
        return [one for one in self.crm.records if one.kind == "reminder"]

    def finish(self, remote_id: str, by: str = "u7") -> None:
        self.worked.setdefault(remote_id, Worked())
        self.worked[remote_id].by, self.worked[remote_id].at = by, self.crm.clock()

    def change(self, remote_id: str, **values: Any) -> None:
        for name, value in values.items():
            setattr(self.worked.setdefault(remote_id, Worked()), name, value)


class Unlimited:
    """A quota that always has a turn."""

    def acquire(self, longest: float) -> float:
        return 0.0


@dataclass
class Watched:
    """An office, its CRM, and processes that deliver and watch."""

    office: Office
    connector: WatchedCrm = field(init=False)
    number: int = 0

    def __post_init__(self) -> None:
        self.office = self.office.with_settings(smtp=SmtpServer("127.0.0.1", 25, "Опросы <optout@example.org>"))
        self.connector = WatchedCrm(Crm(CrmClock(self.office.clock)))  # type: ignore[arg-type]
        self.mailer = FakeMailer()
        self.book = PromiseBook(self.office.ledger, self.office.clock)
        self.gates = AccountGates(self.office.ledger, self.connector, self.office.settings.delivery, self.office.clock)
        self.watcher = self.watch()

    def watch(self, connector: Connector | None = None) -> ReminderWatch:
        """One more process that looks."""
        self.number += 1
        crm, owner = connector or self.connector, f"host:{self.number}"
        return ReminderWatch(self.office.ledger, crm, self.gates, self.office.clock, owner, quota=Unlimited())

    def deliver(self) -> None:
        """Everything that is due goes out."""
        worker = Worker(
            self.office.ledger,
            self.office.rules,
            self.connector,
            cast(Mailer, self.mailer),
            self.office.settings,
            self.office.clock,
            "host:delivery",
            Random(1),
        )
        while worker.run_once():
            pass
        self.book.step()

    def look(self, watcher: ReminderWatch | None = None) -> None:
        """Everything that is due is looked at."""
        self.book.step()
        while (watcher or self.watcher).step() == 0.0:
            pass
        self.book.step()

    def pass_(self, span: timedelta, every: timedelta = timedelta(minutes=1)) -> None:
        """Time passes, and all is looked at again and again."""
        until = self.office.clock() + span
        while self.office.clock() < until:
            self.office.clock.time = min(until, self.office.clock() + every)
            self.look()

    def rows(self) -> list[Any]:
        with self.office.ledger.read() as connection:
            query = select(watched_reminders).order_by(watched_reminders.c.delivery_ref)
            return list(connection.execute(query).all())

    def states(self) -> list[str]:
        return [row["state"] for row in self.office.rows(promises)]

    def remote(self, call: int = 0) -> str:
        """The CRM's id of the reminder of the nth call."""
        rows = [row for row in self.office.rows(deliveries) if row["kind"] == "reminder"]
        found = rows[call]["remote_id"]
        assert found is not None
        return str(found)
