"""What goes to the CRM in one request: a decision's together, and what one of them does wrong holds up no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from connectors.base import Card, CardRef, Limits
from plugin.config.settings import DeliveryPolicy
from plugin.delivery.batching import batches
from plugin.delivery.model import Delivery
from plugin.delivery.queue import Queue
from plugin.ledger.schema import calls
from plugin.resilience.backoff import Timing
from tests.plugin.delivery.backlog import CALL, fill
from tests.plugin.delivery.fake_crm import LIMITS, START, BatchingCrm, FakeCrm, Killed
from tests.plugin.delivery.harness import CARD, LEASE, House


class BigCrm(BatchingCrm):
    """Takes fifty at once, as a CRM may that documents a batch call."""

    most_writes = 50


@pytest.fixture
def house(house: House) -> House:
    house.policy = DeliveryPolicy(threads=1, jitter=0.0, poll_seconds=0.01, batch=20)
    return house


def drain(house: House, crm: FakeCrm) -> None:
    worker = house.worker(crm)
    while worker.run_once():
        pass


def states(house: House) -> Counter[str]:
    return Counter(row.state for row in house.rows())


# --- what goes wrong ---------------------------------------------------------------------------------


def test_each_delivery_of_a_batch_gets_its_own_outcome(house: House) -> None:
    decision = house.decision()
    refused, busy, lost, done = (
        house.delivery(decision, kind) for kind in ("reminder", "reminder", "comment", "crm_email")
    )
    crm = BatchingCrm(house.crm)
    crm.writes.extend(["refused", "busy", "dropped", "ok"])
    house.worker(crm).run_once()
    assert [len(request) for request in crm.requests] == [4]
    assert [house.row(one).state for one in (refused, busy, lost, done)] == ["parked", "waiting", "unknown", "done"]
    assert house.until_due(busy) == 40
    assert [house.steps(one) for one in (refused, done)] == [[("send", "not_done")], [("send", "done")]]
    house.clock.advance(LIMITS.settling_seconds + 10)
    drain(house, crm)
    assert house.steps(lost) == [("send", "unknown"), ("look_up", "found")]
    assert [house.written(one) for one in (refused, busy, lost, done)] == [0, 1, 1, 1]


@pytest.mark.parametrize("how", ["killed", "killed after"])
def test_a_batch_in_the_middle_of_which_the_process_is_killed_leaves_each_unknown_and_each_is_looked_for(
    house: House, how: str
) -> None:
    fill(house, 1, ["comment", "reminder", "reminder", "crm_email"])
    crm = BatchingCrm(house.crm)
    crm.writes.extend(["ok", "ok", how])
    with pytest.raises(Killed):
        house.worker(crm).run_once()
    assert {(row.state, row.sent_at) for row in house.rows()} == {("leased", START)}
    written = len(house.crm.records)
    house.clock.advance(LEASE)
    other = BatchingCrm(house.crm)
    drain(house, other)
    assert states(house) == {"done": 4}
    assert [house.written(row.id) for row in house.rows()] == [1, 1, 1, 1]
    # Looked for one by one, and what was not there was sent alone.
    assert other.log.count("find") == 4
    assert [len(request) for request in other.requests] == [1] * (4 - written)


@pytest.mark.parametrize("how", ["lost", "dropped", "bug", "too few"])
def test_a_request_whose_answer_is_lost_leaves_each_unknown_and_writes_nothing_twice(house: House, how: str) -> None:
    fill(house, 3)
    crm = BatchingCrm(house.crm)
    crm.exchanges.extend([how, how])
    worker = house.worker(crm)
    with capture_logs():
        worker.run_once()
    assert states(house)["unknown"] >= 5
    for _ in range(5):
        house.clock.advance(LEASE)
        while worker.run_once():
            pass
    assert states(house) == {"done": 9}
    assert [house.written(row.id) for row in house.rows()] == [1] * 9


def test_a_lost_answer_about_many_counts_as_one_failure_of_the_account(house: House) -> None:
    fill(house, 20)
    crm = BigCrm(house.crm)
    crm.exchanges.append("lost")
    with capture_logs() as logs:
        house.worker(crm).run_once()
    assert "account.away" not in [entry["event"] for entry in logs]
    assert len(crm.requests[0]) >= house.policy.breaker_failures


def test_an_outage_costs_so_many_requests_as_open_the_breaker(house: House) -> None:
    fill(house, 200)
    crm = BatchingCrm(house.crm)
    crm.exchanges.extend(["error"] * 100)
    worker = house.worker(crm)
    while worker.run_once():
        pass
    assert len(crm.requests) == house.policy.breaker_failures
    assert states(house)["pending"] == 600 - sum(len(request) for request in crm.requests)


def test_a_delivery_that_spoils_every_batch_ends_up_alone_and_the_others_go_out(house: House) -> None:
    fill(house, 10)
    bad = house.rows()[4].key

    class Spoiled(BigCrm):
        def write(self, writes: Any) -> Any:
            self.exchanges.clear()
            if bad in [item.key for item in writes]:
                # Answered as a whole, with a status that may be the account's or one record's.
                self.exchanges.append("busy")
            return super().write(writes)

    crm = Spoiled(house.crm)
    worker = house.worker(crm)
    for _ in range(40):
        worker.run_once()
        house.clock.advance(60)
    assert states(house)["done"] == 29
    assert crm.requests[-1] == [bad]


def test_a_delivery_that_cannot_be_prepared_holds_up_no_other(house: House) -> None:
    decision = house.decision()
    unfit = house.delivery(decision, "reminder", role="nobody")
    others = [house.delivery(decision, kind) for kind in ("comment", "reminder")]
    crm = BatchingCrm(house.crm)
    house.worker(crm).run_once()
    assert house.row(unfit).state == "waiting"
    assert [house.row(one).state for one in others] == ["done", "done"]
    assert [len(request) for request in crm.requests] == [2]


def test_a_delivery_whose_card_is_gone_leaves_its_batch_for_the_new_card(house: House) -> None:
    house.crm.contacts.append(Card(CardRef("contact", "77"), "К", phones=("+79160000042",)))
    house.crm.contacts.pop(0)
    decision = house.decision()
    gone = house.delivery(decision, "comment")
    other = house.delivery(house.decision(), "reminder")

    class Merged(BatchingCrm):
        def add_comment(self, card: CardRef, text: str, key: str) -> Any:
            if card == CARD:
                from connectors.base import NotDone

                return NotDone("no such contact", permanent=True, status=404)
            return super().add_comment(card, text, key)

    drain(house, Merged(house.crm))
    assert [house.row(one).state for one in (gone, other)] == ["done", "done"]
    assert house.crm.having(house.row(gone).key)[0].card == CardRef("contact", "77")


def test_a_delivery_stopped_by_a_correction_meanwhile_leaves_its_batch(house: House) -> None:
    decision = house.decision()
    stopped, other = house.delivery(decision, "comment"), house.delivery(decision, "reminder")
    crm = BatchingCrm(house.crm)
    worker = house.worker(crm)
    begin = worker._queue.begin

    def correct_first(sending: Any) -> Any:
        house.change(stopped, cancel=True)
        return begin(sending)

    worker._queue.begin = correct_first  # type: ignore[method-assign]
    worker.run_once()
    assert [house.row(one).state for one in (stopped, other)] == ["cancelled", "done"]
    assert [len(request) for request in crm.requests] == [1]


def test_deliveries_that_would_wait_too_long_for_their_batch_mates_are_given_back(house: House) -> None:
    label = "Карточка: ‹ссылка на карточку›"
    for _ in range(4):
        decision = house.decision()
        house.delivery(decision, "comment", text=f"Исключить\n{label}")

    class Slow(BatchingCrm):
        def read_card(self, card: CardRef) -> Card | None:
            self.crm.clock.advance(20)
            return Card(card, "К", "https://crm.example.org/42")

    crm = Slow(house.crm)
    # Cards of their own, so that none is known from another.
    worker = house.worker(crm)
    with house.ledger.write() as connection:
        for number in range(1, 5):
            connection.execute(calls.update().where(calls.c.id == number).values(card_id=str(number)))
    worker.run_once()
    assert [len(request) for request in crm.requests] == [2]
    assert states(house) == {"done": 2, "pending": 2}
    drain(house, crm)
    assert states(house) == {"done": 4}


def test_while_the_account_is_away_a_batch_is_given_back_untried(house: House) -> None:
    fill(house, 30)
    crm = BatchingCrm(house.crm)
    crm.exchanges.extend(["error"] * house.policy.breaker_failures)
    worker = house.worker(crm)
    worker.run_once()
    assert len(crm.requests) == house.policy.breaker_failures
    assert {row.owner for row in house.rows()} == {None}
    crm.exchanges.clear()
    house.clock.advance(house.policy.probe_seconds)
    worker.run_once()
    # The probe itself is one.
    assert len(crm.requests[house.policy.breaker_failures]) == 1
    drain(house, crm)
    house.clock.advance(60)
    drain(house, crm)
    assert states(house) == {"done": 90}


# --- how they are put together -----------------------------------------------------------------------


def delivery(number: int, decision: int = 1, kind: str = "comment", **others: Any) -> Delivery:
    values: dict[str, Any] = dict.fromkeys(Delivery.__slots__)
    values |= {"id": number, "decision_ref": decision, "kind": kind, "attempts": 0} | others
    return Delivery(**values)


def ids(batches_: Sequence[Sequence[Delivery]]) -> list[list[int]]:
    return [[one.id for one in batch] for batch in batches_]


def test_where_one_is_written_at_a_time_each_goes_alone() -> None:
    assert ids(batches([delivery(1), delivery(2)], 1)) == [[1], [2]]


def test_deliveries_of_one_decision_go_in_one_batch() -> None:
    claimed = [delivery(1), delivery(2, 2), delivery(3, 3), delivery(4, 2), delivery(5, 1), delivery(6, 3)]
    assert ids(batches(claimed, 4)) == [[1, 5, 2, 4], [3, 6]]


def test_a_decision_with_more_deliveries_than_the_batch_limit_is_cut() -> None:
    assert ids(batches([delivery(number) for number in range(7)], 3)) == [[0, 1, 2], [3, 4, 5], [6]]


@pytest.mark.parametrize(
    "alone",
    [delivery(2, kind="withdrawal"), delivery(2, kind="smtp_email"), delivery(2, sent_at=START)],
    ids=["withdrawal", "own mail", "perhaps sent"],
)
def test_withdrawals_own_mail_and_what_was_perhaps_sent_go_alone(alone: Delivery) -> None:
    assert ids(batches([delivery(1), alone, delivery(3, kind="reminder")], 5)) == [[1, 3], [2]]


def test_batch_limit_halves_per_failed_attempt() -> None:
    claimed = [delivery(number, number, attempts=tries) for number, tries in enumerate([0, 1, 1, 1, 0, 9, 9])]
    assert ids(batches(claimed, 4)) == [[0, 4], [1, 2], [3], [5], [6]]


def test_a_lease_lasts_for_all_the_requests_of_a_write() -> None:
    one, two = (Timing.of(Limits(requests_per_write=number), 0.0, 30.0) for number in (1, 2))
    assert (one.request, two.request) == (35.0, 70.0)
    assert two.lease == two.needed + 30.0


# --- how many requests it takes ----------------------------------------------------------------------


def test_a_call_costs_one_request(house: House) -> None:
    crm = BigCrm(house.crm)
    worker = house.worker(crm)
    for number in range(1, 6):
        decision = house.decision()
        for kind in (*CALL, "crm_email"):
            house.delivery(decision, kind)
        while worker.run_once():
            pass
        assert len(crm.requests) == number
    assert states(house) == {"done": 20}


@pytest.mark.slow
def test_a_backlog_of_a_thousand_calls_costs_a_tenth_of_a_request_each(house: House) -> None:
    fill(house, 1000)
    crm = BigCrm(house.crm)
    drain(house, crm)
    assert states(house) == {"done": 3000}
    assert len(crm.requests) <= 0.1 * 1000
    assert len(house.crm.records) == len({record.key for record in house.crm.records}) == 3000


@pytest.mark.slow
def test_mails_of_a_backlog_do_not_make_the_requests_smaller_than_a_quarter_a_call(house: House) -> None:
    fill(house, 200, [*CALL, "smtp_email", "smtp_email"])
    crm = BigCrm(house.crm)
    drain(house, crm)
    assert states(house) == {"done": 1000}
    assert len(crm.requests) <= 0.25 * 200


def test_a_card_that_several_texts_name_is_read_once(house: House) -> None:
    label = "Карточка: ‹ссылка на карточку›"
    decision = house.decision()
    for kind in CALL:
        house.delivery(decision, kind, text=f"Исключить\n{label}")
    crm = BatchingCrm(house.crm)
    house.worker(crm).run_once()
    assert crm.log.count("read_card") == 1
    assert [len(request) for request in crm.requests] == [3]


# --- claims ------------------------------------------------------------------------------------------


def test_a_claim_brings_its_batch_mates_along(either_house: House) -> None:
    first, second = either_house.decision(), either_house.decision(deadline=START + timedelta(hours=30))
    kin = [either_house.delivery(first, kind) for kind in ("comment", "reminder", "crm_email")]
    later = {"deadline_at": START + timedelta(hours=29)}
    sent = either_house.delivery(first, "reminder", sent_at=START, **later)
    alone = [either_house.delivery(first, "smtp_email", **later), sent]
    other = either_house.delivery(second)
    queue = Queue(either_house.ledger, either_house.clock, "a", LEASE)
    claimed = {one.id for one in queue.claim(1, batch_mates=50)}
    assert claimed == set(kin)
    assert {one.id for one in queue.claim(9, batch_mates=50)} == {*alone, other}


def test_with_batches_a_new_call_goes_out_with_the_next_claim_and_so_does_the_oldest(house: House) -> None:
    fill(house, 500)
    crm = BigCrm(house.crm)
    worker = house.worker(crm)
    for _ in range(4):
        house.clock.advance(1)
        new = house.planned(house.decision(), CALL)
        oldest = next(row.id for row in house.rows() if row.state == "pending")
        worker.run_once()
        assert [house.row(one).state for one in (*new, oldest)] == ["done"] * 4


def test_a_claim_takes_no_more_batch_mates_than_asked_for(house: House) -> None:
    decision = house.decision()
    for _ in range(20):
        house.delivery(decision)
    queue = Queue(house.ledger, house.clock, "a", LEASE)
    assert len(queue.claim(2, batch_mates=5)) == 7


def test_a_claim_waits_for_another_process_that_claims_but_not_for_ever(postgres_house: House) -> None:
    decision = postgres_house.decision()
    for kind in CALL:
        postgres_house.delivery(decision, kind)
    queue = Queue(postgres_house.ledger, postgres_house.clock, "a", LEASE)
    stopped = Queue(postgres_house.ledger, postgres_house.clock, "b", LEASE)
    with postgres_house.ledger.write() as connection:
        # In the middle of its claim.
        assert stopped._may_claim(connection)
        tries = [len(queue.claim(10, batch_mates=50)) for _ in range(7)]
    assert tries == [0, 0, 0, 0, 0, 3, 0]
