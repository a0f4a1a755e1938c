"""Leases: who may act on a delivery, for how long, and what happens when two think they may."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update
from structlog.testing import capture_logs

from connectors.base import CardRef
from plugin.delivery.model import Delivery, DeliveryEnding, Place, SentAs
from plugin.delivery.queue import Begun, Queue, Started
from plugin.ledger.schema import decisions
from plugin.ledger.states import OPEN, DeliveryState
from tests.plugin.delivery.fake_crm import START, Clock, FakeCrm
from tests.plugin.delivery.harness import CARD, LEASE, BreakableLedger, House


@pytest.fixture
def house(either_house: House) -> House:
    """Everything here holds on both databases."""
    return either_house


def queue(house: House, owner: str = "host:1") -> Queue:
    return Queue(house.ledger, house.clock, owner, LEASE)


def begin(queue: Queue, claimed: Delivery) -> Started:
    return queue.begin([(claimed, SentAs())])[0]


def test_what_one_process_claimed_no_other_gets(house: House) -> None:
    house.one()
    assert len(queue(house, "a").claim(10)) == 1
    assert queue(house, "b").claim(10) == []


def test_a_lease_that_ran_out_can_be_claimed_by_any_process(house: House) -> None:
    delivery = house.one()
    first = queue(house, "a")
    [claimed] = first.claim(10)
    house.clock.advance(LEASE)
    [again] = queue(house, "b").claim(10)
    assert (again.id, again.lease.split("#")[0]) == (delivery, "b")
    assert begin(first, claimed)[0] is Begun.LOST
    assert first.finish([(claimed, DeliveryEnding(DeliveryState.WAITING, wait=5), [])]) == [None]
    assert house.row(delivery).owner == again.lease


def test_a_process_that_claims_its_own_lost_delivery_again_has_one_lease_not_two(house: House) -> None:
    house.one()
    mine = queue(house)
    [old] = mine.claim(10)
    house.clock.advance(LEASE)
    [new] = mine.claim(10)
    assert begin(mine, old)[0] is Begun.LOST
    assert begin(mine, new)[0] is Begun.YES


def test_a_lease_that_ran_out_unnoticed_is_renewed_by_beginning(house: House) -> None:
    delivery = house.one()
    mine = queue(house)
    [claimed] = mine.claim(10)
    house.clock.advance(LEASE + 10)
    begun, sent_at, until = begin(mine, claimed)
    assert (begun, sent_at) == (Begun.YES, house.clock())
    assert (until - sent_at).total_seconds() == LEASE
    assert queue(house, "b").claim(10) == []
    assert house.row(delivery).attempts == 1


def test_a_batch_is_no_larger_than_asked(house: House) -> None:
    for _ in range(3):
        house.one()
    mine = queue(house)
    assert [len(mine.claim(2)) for _ in range(3)] == [2, 1, 0]


@pytest.mark.parametrize("state", ["done", "parked", "cancelled"])
def test_what_has_ended_is_never_claimed(house: House, state: str) -> None:
    house.one(state=state)
    assert queue(house).claim(10) == []


@pytest.mark.parametrize(
    ("attempts", "sent", "state"), [(0, False, "pending"), (2, False, "waiting"), (1, True, "unknown")]
)
def test_what_is_given_back_is_as_it_was_and_due_at_once(house: House, attempts: int, sent: bool, state: str) -> None:
    delivery = house.one(attempts=attempts, sent_at=START if sent else None)
    mine = queue(house)
    claimed = mine.claim(10)
    mine.release(claimed)
    row = house.row(delivery)
    assert (row.state, row.owner, row.lease_until, row.attempts) == (state, None, None, attempts)
    assert len(queue(house, "b").claim(10)) == 1


def test_giving_back_takes_nothing_from_a_process_that_has_it_by_now(house: House) -> None:
    delivery = house.one()
    mine = queue(house, "a")
    claimed = mine.claim(10)
    house.clock.advance(LEASE)
    [other] = queue(house, "b").claim(10)
    mine.release(claimed)
    assert house.row(delivery).owner == other.lease


# --- a process that was held up ----------------------------------------------------------------------


def test_an_answer_that_comes_after_the_lease_still_keeps_the_next_one_from_sending_again(house: House) -> None:
    delivery = house.one()
    slow, quick = FakeCrm(house.crm), queue(house, "quick")

    def taken_over() -> None:
        house.clock.advance(LEASE)
        taken.extend(quick.claim(10))

    taken: list[Delivery] = []
    slow.meanwhile = taken_over
    house.worker(slow).run_once()
    assert house.row(delivery).state == "done"
    assert begin(quick, taken[0])[0] is Begun.LOST
    assert house.written(delivery) == 1


def test_an_unknown_after_the_lease_is_left_to_the_process_that_has_it_now(house: House) -> None:
    delivery = house.one()
    slow, quick = FakeCrm(house.crm), queue(house, "quick")

    def taken_over() -> None:
        house.clock.advance(LEASE)
        quick.claim(10)

    slow.writes.append("dropped")
    slow.meanwhile = taken_over
    with capture_logs() as logs:
        house.worker(slow).run_once()
    assert house.row(delivery).owner.startswith("quick#")
    assert "delivery.lease_lost" in [entry["event"] for entry in logs]
    house.clock.advance(LEASE)
    house.worker().run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


def test_a_write_that_arrives_after_its_cancellation_is_logged_and_kept_as_done(house: House) -> None:
    delivery = house.one()
    slow = FakeCrm(house.crm)

    def cancelled() -> None:
        house.change(delivery, state="cancelled", owner=None, lease_until=None)

    slow.meanwhile = cancelled
    with capture_logs() as logs:
        house.worker(slow).run_once()
    assert house.row(delivery).state == "done"
    assert "delivery.written_though_cancelled" in [entry["event"] for entry in logs]


def test_a_process_held_up_between_the_ledger_and_the_crm_does_not_send(house: House) -> None:
    delivery = house.one()
    crm = FakeCrm(house.crm)
    real = house.clock

    class Jumpy:
        """The process sleeps right after it has noted that it sends."""

        jumped = False

        def __call__(self) -> object:
            if not self.jumped and house.row(delivery).sent_at is not None:
                self.jumped = True
                real.advance(60)
            return real()

    house.clock = Jumpy()  # type: ignore[assignment]
    house.worker(crm).run_once()
    house.clock = real
    assert crm.log == []
    assert (house.row(delivery).state, house.row(delivery).sent_at) == ("waiting", None)
    house.worker(crm).run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


# --- the databases -----------------------------------------------------------------------------------


_INDEX = {
    "SQLite": "SELECT sql FROM sqlite_master WHERE name = 'ix_deliveries_due'",
    "PostgreSQL": "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_deliveries_due'",
}


def test_the_index_is_partial_on_the_states_that_are_claimed(house: House) -> None:
    with house.ledger.read() as connection:
        sql = connection.execute(text(_INDEX[house.ledger.kind])).scalar_one()
    assert "WHERE" in sql
    assert all(f"'{state}'" in sql for state in OPEN)
    assert not any(state in sql for state in ("done", "parked", "cancelled"))


# --- machines whose clocks differ --------------------------------------------------------------------


class Machine:
    """A clock that is wrong by so much, beside the one of the database."""

    def __init__(self, house: House, minutes: float) -> None:
        self.wrong_by = timedelta(minutes=minutes)
        self.clock = house.clock

    def __call__(self) -> datetime:
        return self.clock() + self.wrong_by


@pytest.fixture
def shared(postgres_url: str) -> Iterator[House]:
    clock = Clock()
    ledger = BreakableLedger(postgres_url, clock=clock)
    yield House(ledger, clock)
    ledger.close()


@pytest.mark.parametrize("minutes", [-1.0, 1.0])
def test_a_machine_whose_clock_is_a_minute_off_neither_doubles_nor_starves(shared: House, minutes: float) -> None:
    """The lease is 95 s, of which 65 s must be left when it sends."""
    right, wrong = queue(shared, "right"), Queue(shared.ledger, Machine(shared, minutes), "wrong", LEASE)
    deliveries = [shared.one() for _ in range(2)]
    [held] = right.claim(1)
    [other] = wrong.claim(2)
    # Neither takes the other's while the lease runs …
    shared.clock.advance(LEASE - 1)
    assert right.claim(2) == wrong.claim(2) == []
    # … and either does as soon as it has run out.
    shared.clock.advance(1)
    assert {one.id for one in wrong.claim(2)} == {held.id, other.id} == set(deliveries)
    assert begin(right, held)[0] is Begun.LOST


@pytest.mark.parametrize("minutes", [-1.0, 1.0])
def test_a_machine_whose_clock_is_a_minute_off_measures_its_lease_by_the_ledgers_clock(
    shared: House, minutes: float
) -> None:
    shared.one()
    wrong = Queue(shared.ledger, Machine(shared, minutes), "wrong", LEASE)
    [held] = wrong.claim(1)
    begun, sent_at, until = begin(wrong, held)
    assert (begun, sent_at, wrong.now()) == (Begun.YES, shared.clock(), shared.clock())
    assert (until - wrong.now()).total_seconds() == LEASE
    shared.clock.advance(40)
    assert (until - wrong.now()).total_seconds() == LEASE - 40


@pytest.mark.parametrize("minutes", [-1.0, 1.0])
def test_workers_on_machines_a_minute_apart_deliver_everything_once(shared: House, minutes: float) -> None:
    right = shared.worker()
    real, shared.clock = shared.clock, Machine(shared, minutes)  # type: ignore[assignment]
    wrong = shared.worker()
    shared.clock = real
    deliveries = [shared.one(kind) for kind in ("comment", "reminder") for _ in range(6)]
    for _ in range(4):
        assert wrong.run_once() + right.run_once() >= 0
        real.advance(30)
    assert [shared.row(one).state for one in deliveries] == ["done"] * 12
    assert [shared.written(one) for one in deliveries] == [1] * 12


def test_postgresql_tells_the_time_of_leases_itself(postgres_url: str) -> None:
    ledger = BreakableLedger(postgres_url)
    house = House(ledger)
    before = datetime.now(UTC)
    house.one(not_before=before)
    # This machine believes that it is ten years later.
    [held] = Queue(ledger, Machine(house, 60 * 24 * 3650), "far", LEASE).claim(1)
    assert before <= held.lease_until - timedelta(seconds=LEASE) <= datetime.now(UTC)
    ledger.close()


# --- what it costs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["comment", "reminder", "smtp_email"])
def test_a_delivery_costs_three_transactions_its_claim_its_beginning_and_its_end(house: House, kind: str) -> None:
    delivery = house.one(kind)
    worker, before = house.worker(), house.ledger.writes
    worker.run_once()
    assert house.ledger.writes - before == 3
    assert house.row(delivery).state == "done"


def test_a_claim_chooses_the_calls_card_where_none_has_to_be_looked_for(house: House) -> None:
    own, without = house.decision(), house.decision(card=None)
    other, moved = house.decision(target={"phone": "1", "name": None}), house.decision()
    elsewhere = {"type": "contact", "id": "77", "fallback": False}
    with house.ledger.write() as connection:
        connection.execute(update(decisions).where(decisions.c.id == moved).values(card=elsewhere))
    for decision in (own, without, other, moved):
        house.delivery(decision)
    places = {one.decision_ref: one.place for one in queue(house).claim(10)}
    assert places == {own: Place(CARD), without: None, other: None, moved: Place(CardRef("contact", "77"))}
    assert house.card_of(own) == {"type": CARD.type, "id": CARD.id, "fallback": False}
    assert (house.card_of(without), house.card_of(other), house.card_of(moved)) == (None, None, elsewhere)
