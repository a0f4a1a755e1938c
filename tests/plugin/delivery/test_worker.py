"""The loop: runs until told to stop, survives the ledger and faults, and leaves nothing half done behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from connectors.base import CardRef, Outcome
from plugin.config.settings import DeliveryPolicy
from plugin.delivery import Worker
from plugin.delivery import worker as worker_module
from tests.plugin.delivery.fake_crm import FakeCrm
from tests.plugin.delivery.harness import House

PATIENCE = 60.0


@pytest.fixture
def house(either_house: House) -> House:
    """Everything here holds on both databases."""
    return either_house


@contextmanager
def running(worker: Worker) -> Iterator[Callable[[], None]]:
    """The worker in a thread of its own; gives what stops it and waits for its end."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()

    def end() -> None:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()

    try:
        yield end
    finally:
        stop.set()
        thread.join(PATIENCE)


def eventually(holds: Callable[[], bool], worker: Worker | None = None) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.01)):
        if holds():
            return
        if worker:
            worker.wake()
        pause.wait(0.01)
    raise AssertionError("it never came to pass")


# --- trouble -----------------------------------------------------------------------------------------


def test_a_ledger_that_goes_away_is_told_once_and_its_return_once(house: House) -> None:
    delivery = house.one()
    house.ledger.broken = True
    worker = house.worker()
    with capture_logs() as logs, running(worker) as end:
        tries = house.ledger.refused
        eventually(lambda: house.ledger.refused >= tries + 3, worker)
        house.ledger.broken = False
        eventually(lambda: bool(house.row(delivery).state == "done"), worker)
        end()
    told = [entry["event"] for entry in logs if entry["event"].startswith("ledger.")]
    assert told == ["ledger.unavailable", "ledger.available"]


def test_a_fault_of_the_loop_itself_does_not_end_it(house: House) -> None:
    delivery = house.one(not_before=house.clock() + timedelta(hours=1))
    worker = house.worker()
    crm_is_fine = house.ledger.read

    def broken() -> None:
        raise ZeroDivisionError

    house.ledger.read = broken  # type: ignore[method-assign, assignment]
    with capture_logs() as logs, running(worker) as end:
        eventually(lambda: bool(logs), worker)
        house.ledger.read = crm_is_fine  # type: ignore[method-assign]
        house.clock.advance(3600)
        eventually(lambda: bool(house.row(delivery).state == "done"), worker)
        end()


# --- the loop ----------------------------------------------------------------------------------------


def test_the_loop_delivers_everything_with_several_threads(house: House) -> None:
    house.policy = DeliveryPolicy(threads=4, batch=5, poll_seconds=0.05)
    deliveries = [house.one(kind) for kind in ("comment", "reminder", "smtp_email") for _ in range(20)]
    worker = house.worker()
    with running(worker) as end:
        eventually(lambda: all(house.row(one).state == "done" for one in deliveries))
        end()
    assert len(house.crm.records) == 40
    assert len({mail[3] for mail in house.mailer.mails}) == len(house.mailer.mails) == 20


@pytest.mark.parametrize("threads", [1, 4, 8])
def test_no_more_are_on_their_way_at_once_than_are_allowed(house: House, threads: int) -> None:
    house.policy = DeliveryPolicy(threads=threads, batch=10, poll_seconds=0.01)
    deliveries = [house.one() for _ in range(40)]
    crm = FakeCrm(house.crm)
    lock, now, most = threading.Lock(), 0, 0
    add, full, pause = crm.add_comment, threading.Event(), threading.Event()

    def counted(card: CardRef, text: str, key: str) -> Outcome:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            if now == threads:
                full.set()
        # Not before as many as are allowed are on their way; one more would come meanwhile.
        assert full.wait(PATIENCE)
        pause.wait(0.02)
        with lock:
            now -= 1
            return add(card, text, key)

    crm.add_comment = counted  # type: ignore[method-assign]
    with running(house.worker(crm)):
        eventually(lambda: all(house.row(one).state == "done" for one in deliveries))
    assert most == threads


def test_two_workers_on_one_ledger_deliver_nothing_twice(house: House) -> None:
    house.policy = DeliveryPolicy(threads=3, batch=4, poll_seconds=0.01)
    deliveries = [house.one() for _ in range(60)]
    first, second = house.worker(), house.worker()
    with running(first) as end_first, running(second) as end_second:
        eventually(lambda: all(house.row(one).state == "done" for one in deliveries))
        end_first()
        end_second()
    assert [house.written(one) for one in deliveries] == [1] * 60


def test_waking_the_loop_delivers_before_the_next_poll(house: House) -> None:
    house.policy = DeliveryPolicy(threads=1, poll_seconds=3600)
    worker = house.worker()
    with running(worker) as end:
        delivery = house.one()
        worker.wake()
        eventually(lambda: bool(house.row(delivery).state == "done"))
        end()


def test_a_stop_finishes_what_is_on_its_way_and_gives_back_the_rest(house: House) -> None:
    house.policy = DeliveryPolicy(threads=1, batch=6, poll_seconds=0.01)
    begun, *rest = [house.one() for _ in range(6)]
    crm = FakeCrm(house.crm)
    sending, go_on, stop = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        sending.set()
        assert go_on.wait(PATIENCE)

    crm.meanwhile = hold
    thread = threading.Thread(target=house.worker(crm).run, args=(stop,))
    thread.start()
    assert sending.wait(PATIENCE)
    # One more has been begun meanwhile, and waits for the first to be sent.
    eventually(lambda: sum(house.row(one).attempts for one in rest) == 1)
    stop.set()
    eventually(lambda: all(house.row(one).state == "pending" for one in rest))
    given_back = [house.row(one) for one in rest]
    assert {(row.owner, row.sent_at, row.attempts) for row in given_back} == {(None, None, 0)}
    go_on.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert house.row(begun).state == "done"
    house.worker().run_once()
    assert [house.written(one) for one in (begun, *rest)] == [1] * 6


def test_a_loop_that_was_stopped_can_be_run_again(house: House) -> None:
    house.policy = DeliveryPolicy(threads=1, poll_seconds=0.01)
    worker = house.worker()
    for _ in range(2):
        delivery = house.one()
        with running(worker):
            eventually(lambda delivery=delivery: bool(house.row(delivery).state == "done"))  # type: ignore[misc]
    assert house.written(delivery) == 1


@pytest.mark.parametrize("corrected", [False, True])
def test_what_was_begun_when_its_account_goes_away_is_given_back_as_if_nothing_had_been_tried(
    house: House, corrected: bool
) -> None:
    house.policy = DeliveryPolicy(threads=1, batch=2, poll_seconds=0.01, probe_seconds=3600)
    first, second = house.one(), house.one()
    crm = FakeCrm(house.crm)
    crm.writes.append("blocked")

    def until_both_are_begun() -> None:
        eventually(lambda: house.row(first).attempts + house.row(second).attempts == 2)
        if corrected:
            house.change(first, cancel=True)
            house.change(second, cancel=True)

    crm.meanwhile = until_both_are_begun
    with running(house.worker(crm)) as end:
        eventually(lambda: all(house.row(one).why for one in (first, second)))
        end()
    assert crm.log == ["comment"]
    ended = {(row.state, row.sent_at, row.attempts) for row in (house.row(first), house.row(second))}
    states = ("cancelled", "cancelled") if corrected else ("waiting", "pending")
    assert ended == {(states[0], None, 1), (states[1], None, 0)}


def test_claims_grow_for_a_fast_crm_and_shrink_for_a_slow_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.policy = DeliveryPolicy(threads=1, batch=4, poll_seconds=0.01)
    for _ in range(200):
        house.one()
    worker, seconds, limits = house.worker(), iter([0.0, 0.1, 0.2, 0.3, 9.0, 19.0, 29.0]), []
    monkeypatch.setattr(worker_module, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    for _ in range(7):
        worker._more_is_due = True
        worker._fit_claims()
        limits.append(worker._claim_limit)
    assert limits == [4, 8, 16, 16, 8, 4, 4]


def test_a_loop_told_to_stop_before_it_begins_takes_nothing(house: House) -> None:
    delivery = house.one()
    stop = threading.Event()
    stop.set()
    house.worker().run(stop)
    assert house.row(delivery).state == "pending"


def test_one_turn_takes_one_batch(house: House) -> None:
    house.policy = DeliveryPolicy(threads=2, batch=4)
    for _ in range(6):
        house.one()
    worker = house.worker()
    assert [worker.run_once() for _ in range(3)] == [4, 2, 0]
