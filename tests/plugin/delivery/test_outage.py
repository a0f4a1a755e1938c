"""The CRM or the mail server goes away and comes back: probes instead of storms, then everything out at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from connectors.base import Card, CardRef, CrmUnavailable, Outcome
from plugin.config.settings import DeliveryPolicy
from plugin.ledger.audit import Actor
from plugin.operations.deliveries import Operation
from plugin.operations.selection import Selection
from tests.plugin.delivery.fake_crm import FakeCrm
from tests.plugin.delivery.harness import FakeMailer, House

pytestmark = pytest.mark.slow

PROBE = 30.0


class Outage(FakeCrm):
    """A CRM that is ``away`` until it is told otherwise."""

    away = True

    def _served(self, what: str, commit: Callable[[float], str]) -> Outcome:
        if self.away:
            self.writes.appendleft("error")
        return super()._served(what, commit)

    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
        if self.away:
            self.log.append("probe")
            raise CrmUnavailable("no connection")
        return super().find_contact(phone, name)


class ReadOnly(FakeCrm):
    """A CRM that answers reads, and 500 to every write, while it is ``away``."""

    away = True

    def _served(self, what: str, commit: Callable[[float], str]) -> Outcome:
        if self.away:
            self.writes.appendleft("lost quickly")
        return super()._served(what, commit)


class Behind502(ReadOnly):
    """A CRM whose proxy answers 502 to everything while it is ``away``."""

    def _read(self, what: str) -> None:
        if self.away:
            self.log.append(what)
            raise CrmUnavailable("answered 502", status=502)
        super()._read(what)


class DeadMailer(FakeMailer):
    """A mail server that nobody can connect to while it is ``away``; counts those who try."""

    away = True
    tried = 0

    def send(self, to: str, subject: str, text: str, message_id: str, refers_to: Sequence[str] = ()) -> Outcome:
        if self.away:
            self.tried += 1
            self.answers.insert(0, "error")
        return super().send(to, subject, text, message_id, refers_to)


@pytest.fixture
def busy(house: House) -> House:
    house.policy = DeliveryPolicy(threads=1, batch=20, jitter=0.0, poll_seconds=0.01, probe_seconds=PROBE)
    return house


def test_an_outage_of_hours_with_a_backlog_costs_probes_and_no_storm(busy: House) -> None:
    crm = Outage(busy.crm)
    worker = busy.worker(crm)
    deliveries = [busy.one() for _ in range(100)]
    for _ in range(2 * 3600 // 5):
        worker.run_once()
        busy.clock.advance(5)
    writes = len(crm.log) - crm.log.count("probe")
    assert writes <= busy.policy.breaker_failures
    assert crm.log.count("probe") <= 2 * 3600 / PROBE
    # What nobody tried is as it was: no attempt was counted that never was one.
    untouched = [row for row in busy.rows() if row.attempts == 0]
    assert len(untouched) == 100 - writes
    assert {row.state for row in untouched} == {"pending"}
    crm.away = False
    busy.clock.advance(PROBE)
    while worker.run_once():
        pass
    assert all(busy.row(one).state == "done" for one in deliveries)
    assert [busy.written(one) for one in deliveries] == [1] * 100


@pytest.mark.parametrize("kind", [Outage, Behind502])
@pytest.mark.parametrize("pending", [1, 50])
def test_after_an_outage_the_first_delivery_goes_out_within_one_probe_interval(
    busy: House, pending: int, kind: type[Outage | Behind502]
) -> None:
    crm = kind(busy.crm)
    worker = busy.worker(crm)
    deliveries = [busy.one() for _ in range(pending)]
    # Long enough for ordinary waits to have grown to a quarter of an hour.
    for _ in range(1000):
        worker.run_once()
        busy.clock.advance(7)
    crm.away = False
    back = busy.clock()
    while not any(busy.row(one).state == "done" for one in deliveries):
        busy.clock.advance(1)
        worker.run_once()
        assert busy.clock() - back <= timedelta(seconds=PROBE)
    for _ in range(int(PROBE)):
        busy.clock.advance(1)
        while worker.run_once():
            pass
    assert all(busy.row(one).state == "done" for one in deliveries)


def test_the_outage_is_told_once_and_its_end_once_with_how_long_it_was(busy: House) -> None:
    crm = Outage(busy.crm)
    worker = busy.worker(crm)
    for _ in range(30):
        busy.one()
    with capture_logs() as logs:
        for _ in range(200):
            worker.run_once()
            busy.clock.advance(7)
        crm.away = False
        for _ in range(10):
            busy.clock.advance(7)
            worker.run_once()
    told = [entry for entry in logs if entry["log_level"] != "info" or entry["event"].startswith("account.")]
    assert [entry["event"] for entry in told] == ["account.away", "account.back"]
    assert 1390 <= told[1]["seconds"] <= 1440


@pytest.mark.parametrize("how", ["a write", "a read"])
def test_a_blocked_account_is_left_alone_at_once_by_every_process_and_probed_rarely(busy: House, how: str) -> None:
    crm, other = FakeCrm(busy.crm), FakeCrm(busy.crm)
    workers = [busy.worker(crm), busy.worker(other)]
    for _ in range(60):
        busy.one(text="Исключить\n‹ссылка на карточку›" if how == "a read" else "Исключить")
    for one in (crm, other):
        (one.reads if how == "a read" else one.writes).extend(["blocked"] * 1000)
    workers[0].run_once()
    assert len(crm.log) == 1
    for _ in range(24 * 60):
        for worker in workers:
            worker.run_once()
        busy.clock.advance(60)
    # One cheap read an hour (it is answered where only writing is refused), and one delivery where that was.
    tries = len(crm.log) + len(other.log)
    assert 23 <= tries <= 1 + 2 * 24
    assert {row.state for row in busy.rows()} == {"pending", "waiting"}


def test_what_a_human_says_about_a_blocked_account_counts_at_once(busy: House) -> None:
    crm = FakeCrm(busy.crm)
    worker = busy.worker(crm)
    shut = busy.one()
    crm.writes.append("blocked")
    worker.run_once()
    busy.clock.advance(60)
    assert worker.run_once() == 0
    chosen = Selection(states=("waiting",))
    Operation(busy.ledger, "retry", chosen, busy.clock).carry_out(Actor("иванова", "блокировка снята"))
    worker.run_once()
    assert busy.row(shut).state == "done"
    later = busy.one()
    worker.run_once()
    assert busy.row(later).state == "done"


def test_an_outage_of_writing_alone_opens_it_too_and_a_delivery_proves_its_end(busy: House) -> None:
    crm = ReadOnly(busy.crm)
    worker = busy.worker(crm)
    for _ in range(30):
        busy.one()
    for _ in range(100):
        worker.run_once()
        busy.clock.advance(7)
    assert crm.log.count("comment") <= busy.policy.breaker_failures + 700 / PROBE
    crm.away = False
    for _ in range(60):
        busy.clock.advance(7)
        while worker.run_once():
            pass
    assert {row.state for row in busy.rows()} == {"done"}
    assert len({record.key for record in busy.crm.records}) == len(busy.crm.records) == 30


def test_one_record_that_always_meets_an_error_holds_up_nothing_else(busy: House) -> None:
    poison = busy.one()
    bad = busy.row(poison).key

    class Picky(FakeCrm):
        def add_comment(self, card: CardRef, text: str, key: str) -> Outcome:
            if key == bad:
                self.writes.appendleft("lost quickly")
            return super().add_comment(card, text, key)

    crm = Picky(busy.crm)
    worker = busy.worker(crm)
    with capture_logs() as logs:
        for _ in range(300):
            worker.run_once()
            busy.clock.advance(60)
    assert "account.away" not in [entry["event"] for entry in logs]
    other = busy.one()
    worker.run_once()
    assert busy.row(other).state == "done"
    assert busy.row(poison).state == "unknown"


def test_mails_go_on_while_the_crm_is_away_and_do_not_ask_it(busy: House) -> None:
    crm = Outage(busy.crm)
    worker = busy.worker(crm)
    for _ in range(10):
        busy.one()
    worker.run_once()
    asked = len(crm.log)
    mail = busy.one("smtp_email", text="Исключить")
    worker.run_once()
    assert busy.row(mail).state == "done"
    assert len(crm.log) == asked
    assert [sent[2] for sent in busy.mailer.mails] == ["Исключить"]


def test_the_mail_server_has_a_breaker_of_its_own(busy: House) -> None:
    mailer = DeadMailer()
    worker = busy.worker(None, mailer)
    mails = [busy.one("smtp_email") for _ in range(60)]
    for _ in range(100):
        worker.run_once()
        busy.clock.advance(7)
    assert mailer.tried <= busy.policy.breaker_failures + 700 / PROBE + 1
    comment = busy.one()
    worker.run_once()
    assert busy.row(comment).state == "done"
    mailer.away = False
    back = busy.clock()
    while not mailer.mails:
        busy.clock.advance(1)
        worker.run_once()
    assert busy.clock() - back <= timedelta(seconds=PROBE)
    for _ in range(int(PROBE) + 1):
        busy.clock.advance(1)
        worker.run_once()
    assert all(busy.row(one).state == "done" for one in mails)


def test_a_refused_log_in_waits_for_a_right_password_and_a_refused_recipient_is_parked(busy: House) -> None:
    waiting, parked = busy.one("smtp_email"), busy.one("smtp_email")
    busy.mailer.answers = ["no login", "refused"]
    worker = busy.worker()
    worker.run_once()
    # One refused log-in is enough: mail servers shut out who goes on.
    assert {busy.row(waiting).state, busy.row(parked).state} == {"waiting", "pending"}
    busy.clock.advance(PROBE)
    worker.run_once()
    # The password is right by now: the probe shows that, with one of them or the other.
    assert {busy.row(waiting).state, busy.row(parked).state} == {"done", "parked"}


def test_deliveries_in_hand_when_the_account_goes_away_are_given_back_untried(busy: House) -> None:
    crm = Outage(busy.crm)
    for _ in range(20):
        busy.one()
    busy.worker(crm).run_once()
    assert crm.log == ["comment"] * busy.policy.breaker_failures
    rows = busy.rows()
    assert [row.state for row in rows].count("pending") == 20 - busy.policy.breaker_failures
    assert {row.owner for row in rows} == {None}
