"""The circuit breaker: what opens it, who may probe, what closes it, and that all processes know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from connectors.base import Card, CrmRefused, CrmUnavailable, Done, NotDone, Outcome, Unknown
from connectors.kit.phones import numbers_in
from plugin.config.settings import DeliveryPolicy
from plugin.ledger.schema import breakers
from plugin.resilience.breaker import Breaker, BreakerState, after_failure, ask_account
from plugin.resilience.health import ANSWERS, NO_SIGNAL, Health, Verdict, of_batch, of_mail, of_read, of_write
from tests.plugin.delivery.fake_crm import START, Clock, Crm, FakeCrm
from tests.plugin.delivery.harness import House

POLICY = DeliveryPolicy(breaker_failures=3, probe_seconds=30, longest_retry_after_seconds=3600)
AWAY = Verdict(Health.AWAY, "no connection")
SHUT = Verdict(Health.AWAY, "the account is shut", blocked=True)
SUSPECT = Verdict(Health.SUSPECT, "answered 500")
REFUSED = Verdict(Health.REFUSED, "answered 554 to DATA")


def breaker(house: House) -> Breaker:
    return Breaker(house.ledger, "account", POLICY, house.clock)


def look(one: Breaker, house: House) -> Breaker:
    with house.ledger.read() as connection:
        one.refresh(connection.execute(select(breakers).where(breakers.c.account == one.account)).first())
    return one


# --- the probe ---------------------------------------------------------------------------------------


class Probed(FakeCrm):
    """A CRM whose connector has a read of its own for probes."""

    def probe(self) -> None:
        self._read("probe")


@pytest.mark.parametrize(("kind", "asked"), [(FakeCrm, "find_contact"), (Probed, "probe")])
@pytest.mark.parametrize(("answer", "health"), [("ok", Health.ANSWERS), ("blocked", Health.AWAY)])
def test_the_crm_shows_by_one_read_whether_it_answers(
    kind: type[FakeCrm], asked: str, answer: str, health: Health
) -> None:
    crm = kind(Crm(Clock()))
    crm.reads.append(answer)
    assert ask_account(crm).health is health
    assert crm.log == [asked]


def test_the_number_that_is_looked_for_to_probe_is_one() -> None:
    asked: list[str | None] = []

    class Listening(FakeCrm):
        def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
            asked.append(phone)
            return []

    ask_account(Listening(Crm(Clock())))
    assert [len(numbers_in(phone)) for phone in asked] == [1]


# --- what an exchange says about the account ---------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "health"),
    [
        (NotDone("no connection"), Health.AWAY),
        (NotDone("token", status=401), Health.AWAY),
        (NotDone("too many", status=429, after=40), Health.AWAY),
        (NotDone("maintenance", status=503, after=600), Health.AWAY),
        (NotDone("too early", status=425), Health.SUSPECT),
        (Unknown("no answer in time"), Health.SUSPECT),
        (Unknown("answered 500", status=500), Health.SUSPECT),
        (Unknown("fault in the code", code="fault"), Health.NO_SIGNAL),
        (NotDone("our own rate limit", after=3), Health.NO_SIGNAL),
        (NotDone("it cannot be sent", permanent=True), Health.NO_SIGNAL),
        (NotDone("no such user", permanent=True, status=400), Health.ANSWERS),
        (Done("7"), Health.ANSWERS),
    ],
)
def test_health_told_by_a_write(outcome: Outcome, health: Health) -> None:
    assert of_write(outcome).health is health


@pytest.mark.parametrize(
    ("outcome", "health"),
    [
        (NotDone("no connection"), Health.AWAY),
        (NotDone("closing", status=421), Health.AWAY),
        (NotDone("wrong password", permanent=True, status=535), Health.AWAY),
        (NotDone("greylisted", status=451), Health.ANSWERS),
        (NotDone("no such user", permanent=True, status=550), Health.ANSWERS),
        (Unknown("no answer after the text"), Health.SUSPECT),
        (NotDone("refused greeting", status=554, at_fault="account"), Health.AWAY),
        (NotDone("sender's quota", status=450, at_fault="account"), Health.AWAY),
        (NotDone("spam", status=554, at_fault="either"), Health.REFUSED),
    ],
)
def test_health_told_by_a_mail(outcome: Outcome, health: Health) -> None:
    assert of_mail(outcome).health is health


@pytest.mark.parametrize(
    ("error", "health"),
    [
        (CrmUnavailable("no connection"), Health.AWAY),
        (CrmUnavailable("our own rate limit", after=3), Health.NO_SIGNAL),
        (CrmUnavailable("answered 500", status=500), Health.SUSPECT),
        (CrmUnavailable("answered 503", status=503, after=9), Health.AWAY),
        (CrmRefused("no access", status=403), Health.ANSWERS),
        (CrmRefused("certificate"), Health.NO_SIGNAL),
    ],
)
def test_health_told_by_a_failed_read(error: CrmUnavailable | CrmRefused, health: Health) -> None:
    assert of_read(error).health is health


@pytest.mark.parametrize("permanent", [False, True])
def test_a_blocked_account_is_away_whatever_else_the_outcome_says(permanent: bool) -> None:
    said = of_write(NotDone("shut", permanent=permanent, status=403, blocked=True))
    assert (said.health, said.blocked) == (Health.AWAY, True)
    said = of_read(CrmUnavailable("shut", status=403, blocked=True))
    assert (said.health, said.blocked) == (Health.AWAY, True)


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ([SUSPECT, ANSWERS, AWAY], ANSWERS),
        ([ANSWERS, SHUT], SHUT),
        ([NO_SIGNAL, SUSPECT, AWAY], AWAY),
        ([NO_SIGNAL, SUSPECT], SUSPECT),
        ([NO_SIGNAL, REFUSED], REFUSED),
        ([NO_SIGNAL], NO_SIGNAL),
    ],
)
def test_a_batch_gives_one_verdict(verdicts: list[Verdict], said: Verdict) -> None:
    assert of_batch(verdicts) == said


# --- opening -----------------------------------------------------------------------------------------


def test_failures_in_a_row_open_the_breaker_whatever_deliveries_they_are_of() -> None:
    state = BreakerState()
    for _ in range(2):
        state = after_failure(state, AWAY, 1, START, POLICY)
        assert state.opened_at is None
    state = after_failure(state, AWAY, 1, START, POLICY)
    assert (state.opened_at, state.probed_at, state.probe_wait, state.why) == (START, START, 30, "no connection")


def test_one_record_that_always_fails_does_not_open_the_breaker_and_as_many_different_ones_do() -> None:
    state = BreakerState()
    for _ in range(20):
        state = after_failure(state, SUSPECT, 1, START, POLICY)
    assert state.opened_at is None
    for delivery in (2, 3):
        state = after_failure(state, SUSPECT, delivery, START, POLICY)
    assert state.opened_at == START


def test_one_mail_refused_again_and_again_is_a_suspect_and_a_second_one_opens_the_breaker() -> None:
    state = BreakerState()
    for _ in range(20):
        state = after_failure(state, REFUSED, 1, START, POLICY)
    assert (state.opened_at, state.suspects) == (None, (1,))
    assert after_failure(state, REFUSED, 2, START, POLICY).opened_at == START


def test_the_time_that_the_account_asked_for_is_waited_for_before_the_next_probe() -> None:
    asked = Verdict(Health.AWAY, "maintenance", after=600)
    state = BreakerState()
    for _ in range(3):
        state = after_failure(state, asked, 1, START, POLICY)
    assert state.probe_wait == 600
    assert not state.probe_due(START + timedelta(seconds=599))
    assert state.probe_due(START + timedelta(seconds=600))
    absurd = after_failure(state, Verdict(Health.AWAY, "", after=1e9), 1, START, POLICY)
    assert absurd.probe_wait == POLICY.longest_retry_after_seconds


def test_a_failed_probe_keeps_the_time_since_when_the_breaker_is_open() -> None:
    state = BreakerState()
    for seconds in range(10):
        state = after_failure(state, AWAY, 1, START + timedelta(seconds=seconds), POLICY)
    assert state.opened_at == START + timedelta(seconds=2)
    assert state.probed_at == START + timedelta(seconds=9)
    assert state.failures == POLICY.breaker_failures


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(days=-400)])
def test_a_clock_that_was_set_back_does_not_put_off_the_probe(jump: timedelta) -> None:
    state = BreakerState(opened_at=START, probed_at=START, probe_wait=30)
    assert state.probe_due(START + jump)


def test_a_blocked_account_opens_the_breaker_at_once_and_is_probed_rarely() -> None:
    state = after_failure(BreakerState(), SHUT, 1, START, POLICY)
    assert (state.opened_at, state.blocked, state.probe_wait) == (START, True, 3600)
    # Whatever is met meanwhile, it stays shut until it answers, and the reason is still that one.
    state = after_failure(state, AWAY, 2, START + timedelta(hours=1), POLICY)
    assert (state.blocked, state.probe_wait, state.why) == (True, 3600, "the account is shut")


# --- shared between processes ------------------------------------------------------------------------


def test_what_one_process_finds_out_the_others_know(house: House) -> None:
    first, second = breaker(house), breaker(house)
    for delivery in range(3):
        first.failed(delivery, AWAY)
    assert first.is_open
    assert look(second, house).is_open
    second.answered()
    assert not look(first, house).is_open


def test_failures_of_several_processes_add_up_and_only_one_tells_of_the_outage(house: House) -> None:
    processes = [breaker(house) for _ in range(3)]
    with capture_logs() as logs:
        for delivery in range(4):
            for one in processes:
                one.failed(delivery, AWAY)
        house.clock.advance(90)
        for one in processes:
            look(one, house)
        for one in processes:
            one.answered()
    assert [entry["event"] for entry in logs] == ["account.away", "account.back"]
    away, back = logs
    assert (away["log_level"], away["account"], away["why"]) == ("error", "account", "no connection")
    assert (back["log_level"], back["seconds"]) == ("info", 90)


def test_that_an_account_was_blocked_is_logged_once_and_its_return_once(house: House) -> None:
    first, second = breaker(house), breaker(house)
    with capture_logs() as logs:
        first.failed(1, AWAY)
        first.failed(2, SHUT)
        second.failed(3, SHUT)
        assert look(second, house).is_blocked
        house.clock.advance(3599)
        assert not look(second, house).take_probe(house.clock())
        house.clock.advance(1)
        assert second.take_probe(house.clock())
        house.clock.advance(3599)
        assert not look(first, house).take_probe(house.clock())
        second.answered()
        assert not look(first, house).is_blocked
    assert [entry["event"] for entry in logs] == ["account.away", "account.blocked", "account.back"]


def test_an_answer_to_what_was_asked_before_the_account_was_blocked_does_not_unblock_it(house: House) -> None:
    first, second = breaker(house), breaker(house)
    second.failed(1, AWAY)
    first.failed(2, SHUT)
    # It does not know yet.
    second.answered(probed=False)
    assert second.is_blocked
    assert look(first, house).is_blocked
    second.answered()
    assert not look(first, house).is_open


def test_one_success_in_between_begins_the_count_anew(house: House) -> None:
    one = breaker(house)
    for _ in range(5):
        one.failed(1, AWAY)
        one.failed(1, AWAY)
        one.answered()
    assert not one.is_open


def test_of_several_processes_one_probes_an_interval(house: House) -> None:
    processes = [breaker(house) for _ in range(3)]
    for delivery in range(3):
        processes[0].failed(delivery, AWAY)
    for one in processes:
        look(one, house)
    assert [one.take_probe(house.clock()) for one in processes] == [False, False, False]
    for _ in range(3):
        house.clock.advance(30)
        assert sum(look(one, house).take_probe(house.clock()) for one in processes) == 1


def test_a_process_killed_while_it_probes_keeps_the_others_waiting_for_one_interval_only(house: House) -> None:
    killed, other = breaker(house), breaker(house)
    for delivery in range(3):
        killed.failed(delivery, AWAY)
    house.clock.advance(30)
    assert killed.take_probe(house.clock())
    assert not look(other, house).take_probe(house.clock())
    house.clock.advance(30)
    assert look(other, house).take_probe(house.clock())


def test_an_account_that_works_costs_no_transaction(house: House) -> None:
    one = breaker(house)
    house.ledger.broken = True
    for _ in range(100):
        one.answered()
    house.ledger.broken = False
    with house.ledger.read() as connection:
        assert connection.execute(select(breakers)).first() is None
