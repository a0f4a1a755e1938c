"""What changed in the CRM while its events reached nobody is read from it once, whatever breaks on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from connectors.base import CatchUpPage, CrmRefused, CrmUnavailable, Reference
from plugin.authoring.revisions.active import ActiveRules
from plugin.config.settings import DeliveryPolicy
from plugin.events.catch_up import MOST_DUE, CatchUp
from plugin.events.catch_up_progress import OVERLAP
from plugin.events.inbox import Inbox
from plugin.events.intake import Intake
from plugin.events.resolver import Resolver
from plugin.ledger import Ledger
from plugin.ledger.connected import catch_ups, kept_references
from plugin.ledger.schema import breakers, calls, events
from plugin.resilience.gates import AccountGates
from tests.plugin.events.support import SETTINGS, Clock, call_result, rulebook
from tests.plugin.web.harness import Crm

POLICY = DeliveryPolicy(threads=2, jitter=0.0, first_wait_seconds=5.0, longest_wait_seconds=900.0, quiet_minutes=0)


class ChangingCrm(Crm):
    """A CRM whose changed calls are in ``changed``, two a page; ``broken`` is raised by the next pages, one each."""

    catches_up = True

    def __init__(self) -> None:
        super().__init__({})
        self.changed: list[str] = []
        self.broken: list[Exception | None] = []
        self.asked: list[tuple[datetime, str | None]] = []

    def catch_up(self, since: datetime, cursor: str | None) -> CatchUpPage:
        self.asked.append((since, cursor))
        if self.broken and (error := self.broken.pop(0)) is not None:
            raise error
        start = int(cursor or 0)
        page = tuple(Reference("call", one) for one in self.changed[start : start + 2])
        return CatchUpPage(page, str(start + 2) if len(self.changed) > start + 2 else None)

    def resolve(self, reference: Reference) -> Mapping[str, Any] | None:
        return call_result(id=f"evt-{reference.id}", call={"id": f"c-{reference.id}", "phone": "+79161234567"})


@dataclass
class CatchUpOffice:
    """One ledger with a clock of its own, and as many processes on it as a test wants."""

    ledger: Ledger
    clock: Clock
    rules: ActiveRules
    crm: ChangingCrm = field(default_factory=ChangingCrm)
    processes: int = 0

    def __post_init__(self) -> None:
        self.web = Inbox(self.ledger, "testcrm", self.clock, "web", 0.0)

    def process(self, **policy: Any) -> CatchUp:
        """A process that has just been started."""
        self.processes += 1
        made = DeliveryPolicy(**{name: getattr(POLICY, name) for name in DeliveryPolicy.__slots__} | policy)
        gates = AccountGates(self.ledger, self.crm, made, self.clock)
        owner = f"host:{self.processes}"
        return CatchUp(self.ledger, self.crm, "testcrm", gates, made, self.clock, owner, Random(1))

    def first_start(self) -> CatchUp:
        process = self.process()
        assert process.ask("start") is None
        return process

    def resolve_all(self) -> None:
        intake = Intake(self.ledger, self.rules, SETTINGS, self.clock)
        gates = AccountGates(self.ledger, self.crm, POLICY, self.clock)
        resolver = Resolver(self.ledger, self.crm, intake, gates, POLICY, self.clock, "resolver", Random(1))
        while resolver.run_once():
            pass

    def kept(self) -> list[str]:
        with self.ledger.read() as connection:
            return list(connection.execute(select(kept_references.c.record).order_by(kept_references.c.id)).scalars())

    def call_ids(self) -> list[str]:
        with self.ledger.read() as connection:
            return sorted(connection.execute(select(calls.c.call_id)).scalars())

    def row(self) -> Any:
        with self.ledger.read() as connection:
            return connection.execute(select(catch_ups)).one()

    def account_is(self, opened_at: datetime | None) -> None:
        with self.ledger.write() as connection:
            if connection.execute(select(breakers)).first() is None:
                away = {"account": "testcrm", "failures": 5, "suspects": [], "why": "refused", "probe_wait": 30.0}
                connection.execute(insert(breakers), away)
            connection.execute(update(breakers).values(opened_at=opened_at, probed_at=opened_at))

    def run(self, process: CatchUp) -> None:
        while process.step() == 0.0:
            pass


@pytest.fixture
def office(ledger_url: str) -> Iterator[CatchUpOffice]:
    clock = Clock()
    ledger = Ledger(ledger_url, clock=clock)
    rules = ActiveRules(ledger, clock)
    rules.activate(rulebook(), "test", "test")
    yield CatchUpOffice(ledger, clock, rules)
    ledger.close()


# --- what is not read ------------------------------------------------------------------------------


def test_before_the_first_start_there_is_nothing_to_catch_up_with(office: CatchUpOffice) -> None:
    office.crm.changed = ["1"]
    office.run(office.first_start())
    assert office.crm.asked == []


def test_a_crm_that_cannot_be_asked_is_not(office: CatchUpOffice) -> None:
    office.crm.catches_up = False
    office.first_start()
    process = office.process()
    assert process.ask("start", office.clock() - timedelta(days=1)) is None
    office.run(process)
    assert office.crm.asked == []


def test_nothing_is_read_while_the_account_is_away_and_what_was_missed_once_it_is_back(office: CatchUpOffice) -> None:
    process = office.first_start()
    heard = office.clock()
    office.web.keep([(Reference("call", "0"), 0.0)])
    office.crm.changed = ["1"]
    office.clock.pass_(seconds=60)
    office.account_is(office.clock())
    office.run(process)
    office.clock.pass_(seconds=3600)
    # An event comes through before the outage is known to be over: what came before it counts nevertheless.
    office.web.keep([(Reference("call", "2"), 0.0)])
    office.run(process)
    assert office.crm.asked == []
    office.account_is(None)
    office.run(process)
    assert office.crm.asked == [(heard - OVERLAP, None)]
    assert office.kept() == ["0", "2", "1"]


def test_an_outage_that_a_kill_ended_for_this_process_is_caught_up_with_by_the_next_one(office: CatchUpOffice) -> None:
    killed = office.first_start()
    heard = office.clock()
    office.account_is(office.clock())
    office.run(killed)
    office.clock.pass_(seconds=3600)
    office.account_is(None)
    office.web.keep([(Reference("call", "2"), 0.0)])
    office.run(office.process())
    assert office.crm.asked == [(heard - OVERLAP, None)]


def test_while_many_events_are_due_no_more_are_read(office: CatchUpOffice) -> None:
    office.first_start()
    office.crm.changed = ["1"]
    office.web.keep([(Reference("call", f"own-{number}"), 0.0) for number in range(MOST_DUE)])
    process = office.process()
    process.ask("start")
    office.run(process)
    assert office.crm.asked == []
    office.resolve_all()
    office.run(process)
    assert len(office.crm.asked) == 1


# --- what fails on the way -------------------------------------------------------------------------


def test_a_page_that_cannot_be_read_is_asked_for_again_and_the_breaker_hears_of_it(office: CatchUpOffice) -> None:
    office.first_start()
    office.crm.changed = ["1", "2", "3"]
    office.crm.broken = [None, CrmUnavailable("too many requests", after=40.0, status=429)]
    process = office.process()
    process.ask("start")
    office.run(process)
    assert office.kept() == ["1", "2"]
    assert (office.row().why, office.row().cursor) == ("too many requests", "2")
    with office.ledger.read() as connection:
        assert connection.execute(select(breakers.c.failures)).scalar_one() == 1
    office.clock.pass_(seconds=39)
    office.run(process)
    assert len(office.crm.asked) == 2
    office.clock.pass_(seconds=3)
    office.run(process)
    assert office.kept() == ["1", "2", "3"]
    assert (office.row().since, office.row().why) == (None, None)


def test_a_place_that_the_crm_no_longer_knows_is_left_for_the_beginning(office: CatchUpOffice) -> None:
    office.first_start()
    office.crm.changed = ["1", "2", "3"]
    office.crm.broken = [None, CrmRefused("the cursor is unknown: begin anew")]
    process = office.process()
    process.ask("start")
    office.run(process)
    office.clock.pass_(seconds=10)
    office.run(process)
    assert [cursor for _, cursor in office.crm.asked] == [None, "2", None, "2"]
    office.resolve_all()
    assert office.call_ids() == ["c-1", "c-2", "c-3"]


def test_a_fault_of_the_connector_is_tried_again_later_and_stops_nothing(office: CatchUpOffice) -> None:
    office.first_start()
    office.crm.changed = ["1"]
    office.crm.broken = [ZeroDivisionError("secret 8 916 123-45-67")]
    process = office.process()
    process.ask("start")
    office.run(process)
    assert office.row().why == "a fault of the connector: ZeroDivisionError"
    office.clock.pass_(seconds=10)
    office.run(process)
    assert office.kept() == ["1"]


def test_after_a_kill_half_way_another_process_goes_on_from_there(office: CatchUpOffice) -> None:
    office.first_start()
    office.crm.changed = ["1", "2", "3", "4", "5"]
    killed = office.process()
    killed.ask("start")
    assert killed.read_page() == 2
    office.crm.broken = [KeyboardInterrupt()]  # type: ignore[list-item]
    with pytest.raises(KeyboardInterrupt):
        killed.read_page()
    other = office.process()
    office.run(other)
    assert office.kept() == ["1", "2"]
    office.clock.pass_(seconds=3600)
    office.run(other)
    assert office.kept() == ["1", "2", "3", "4", "5"]
    assert [cursor for _, cursor in office.crm.asked] == [None, "2", "2", "4"]


def test_of_several_processes_one_reads_a_page_at_a_time(office: CatchUpOffice) -> None:
    office.first_start()
    office.crm.changed = ["1", "2", "3"]
    first, second = office.process(), office.process()
    first.ask("start")
    second.ask("start")
    taken = first._progress.take()
    assert taken is not None
    assert second.read_page() is None
    assert first._progress.advance(taken, "2", 2) is None
    assert second.read_page() == 1
    assert first.read_page() is None


# --- what comes of it ------------------------------------------------------------------------------


def test_after_a_start_what_changed_since_the_last_event_is_taken_in_once(office: CatchUpOffice) -> None:
    office.first_start()
    office.clock.pass_(seconds=3600)
    office.web.keep([(Reference("call", "1"), 0.0)])
    office.resolve_all()
    heard = office.clock()
    office.clock.pass_(seconds=86_400)
    office.crm.changed = ["1", "2", "3"]
    process = office.process()
    assert process.ask("start") == heard - OVERLAP
    office.run(process)
    office.resolve_all()
    assert office.call_ids() == ["c-1", "c-2", "c-3"]
    with office.ledger.read() as connection:
        assert len(connection.execute(select(events)).all()) == 3
    # The webhooks that come later say nothing new.
    office.web.keep([(Reference("call", one), 0.0) for one in office.crm.changed])
    office.resolve_all()
    with office.ledger.read() as connection:
        assert len(connection.execute(select(events)).all()) == 3


def test_what_was_asked_for_meanwhile_is_read_afterwards(office: CatchUpOffice) -> None:
    office.first_start()
    office.crm.changed = ["1", "2", "3"]
    process = office.process()
    process.ask("start")
    assert process.read_page() == 2
    long_ago = office.clock() - timedelta(days=3)
    assert process.ask("by hand", long_ago) == long_ago
    office.run(process)
    assert [since for since, _ in office.crm.asked][2:] == [long_ago, long_ago]


def test_a_silence_is_looked_into_and_costs_a_page(office: CatchUpOffice) -> None:
    process = office.process(quiet_minutes=5)
    process.ask("start")
    start = office.clock()
    office.crm.changed = ["1"]
    office.clock.pass_(seconds=270)
    office.run(process)
    assert office.crm.asked == []
    office.clock.pass_(seconds=30)
    office.run(process)
    assert office.crm.asked == [(start - OVERLAP, None)]
    assert office.kept() == ["1"]
    office.run(process)
    assert len(office.crm.asked) == 1
