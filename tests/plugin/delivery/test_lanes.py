"""Lanes: a mail server that the CRM sends by holds up only its mails; one refused log-in stops all but probes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connectors.base import NotDone, Outcome
from connectors.protocol.outcomes import AtFault
from plugin.config.settings import DeliveryPolicy
from plugin.ledger.schema import breakers
from tests.plugin.delivery.fake_crm import FakeCrm
from tests.plugin.delivery.harness import FakeMailer, House

PROBE = 30.0


class NoMail(FakeCrm):
    """A CRM whose mail server is ``away``: it says so itself, as EspoCRM does, or by a 2xx that nothing came of."""

    away = True
    answer = NotDone("the CRM could not send it", status=500, code="sendingFail", at_fault="part")

    def _served(self, what: str, commit: Callable[[float], str]) -> Outcome:
        if what == "email" and self.away:
            self.log.append("unsent")
            return self.answer
        return super()._served(what, commit)


class LoggedOut(FakeCrm):
    """A CRM that takes no log-in while it is ``away``."""

    away = True

    def _served(self, what: str, commit: Callable[[float], str]) -> Outcome:
        if self.away:
            self.log.append("refused")
            return NotDone("answered 401", status=401)
        return super()._served(what, commit)

    def probe(self) -> None:
        self.log.append("probe")


@pytest.fixture
def busy(house: House) -> House:
    house.policy = DeliveryPolicy(threads=1, jitter=0.0, poll_seconds=0.01, probe_seconds=PROBE)
    return house


def open_accounts(house: House) -> set[str]:
    with house.ledger.read() as connection:
        return set(connection.execute(select(breakers.c.account).where(breakers.c.opened_at.is_not(None))).scalars())


@pytest.mark.parametrize("status", [500, 200])
def test_a_mail_server_of_the_crm_that_is_away_holds_up_its_mails_only(busy: House, status: int) -> None:
    crm = NoMail(busy.crm)
    fault: AtFault = "part" if status > 299 else "record"
    crm.answer = NotDone("the CRM could not send it", status=status, code="x", at_fault=fault)
    worker = busy.worker(crm)
    mails = [busy.one("crm_email") for _ in range(12)]
    for _ in range(4):
        worker.run_once()
        busy.clock.advance(5)
    assert open_accounts(busy) == {"fake.mail"}
    comments, reminder = [busy.one() for _ in range(7)], busy.one("reminder")
    worker.run_once()
    assert {busy.row(one).state for one in [*comments, reminder]} == {"done"}
    tried = crm.log.count("unsent")
    for _ in range(60):
        worker.run_once()
        busy.clock.advance(5)
    assert crm.log.count("unsent") - tried <= 300 / PROBE + 1
    crm.away = False
    back = busy.clock()
    while any(busy.row(one).state != "done" for one in mails):
        busy.clock.advance(1)
        worker.run_once()
        assert busy.clock() - back <= timedelta(seconds=2 * PROBE)
    assert open_accounts(busy) == set()


def test_a_crm_that_is_away_holds_up_its_mails_too_and_costs_one_probe_for_both(busy: House) -> None:
    crm = LoggedOut(busy.crm)
    worker = busy.worker(crm)
    mail, comment = busy.one("crm_email"), busy.one()
    for _ in range(6):
        worker.run_once()
        busy.clock.advance(5)
    assert crm.log.count("refused") + crm.log.count("probe") <= 1 + 2
    crm.away = False
    busy.clock.advance(PROBE)
    for _ in range(3):
        worker.run_once()
    assert {busy.row(mail).state, busy.row(comment).state} == {"done"}


def test_the_first_refused_log_in_stops_everything_but_probes(busy: House) -> None:
    crm = LoggedOut(busy.crm)
    worker = busy.worker(crm)
    for _ in range(20):
        busy.one()
    worker.run_once()
    assert crm.log == ["refused"]
    assert open_accounts(busy) == {"fake"}


def test_a_probe_is_made_with_a_delivery_that_is_above_suspicion(busy: House) -> None:
    crm = FakeCrm(busy.crm)
    worker = busy.worker(crm)
    stuck = [busy.one(deadline_at=busy.clock() + timedelta(hours=1)) for _ in range(5)]
    crm.writes.extend(["lost quickly"] * 5)
    worker.run_once()
    assert open_accounts(busy) == {"fake"}
    fresh = busy.one()
    busy.clock.advance(PROBE)
    tried = len(crm.log)
    worker.run_once()
    # One of the stuck ones would have been looked for first.
    assert crm.log[tried : tried + 2] == ["find_contact", "comment"]
    assert {busy.row(one).state for one in [fresh, *stuck]} == {"done"}
    assert open_accounts(busy) == set()


def test_no_mail_is_begun_before_it_can_go_out_so_that_a_kill_leaves_none_in_doubt_for_nothing(
    house: House,
) -> None:
    for _ in range(20):
        house.one("smtp_email")
    begun_only = []

    class Slow(FakeMailer):
        def send(self, *arguments: Any, **options: Any) -> Outcome:
            time.sleep(0.01)  # others get on meanwhile
            begun = sum(row.sent_at is not None for row in house.rows())
            begun_only.append(begun - len(self.mails) - 1)
            return super().send(*arguments, **options)

    house.worker(mailer=Slow()).run_once()
    assert {row.state for row in house.rows()} == {"done"}
    assert begun_only == [0] * 20
