"""Turns are taken in the order of coming, and whoever gives up waiting is not waited for."""

from __future__ import annotations

import threading
import time

from plugin.common.fair_lock import FairLock


def test_a_turn_that_does_not_come_in_time_is_not_taken() -> None:
    turns = FairLock()
    assert turns.take(0)
    result: list[bool] = []
    waiter = threading.Thread(target=lambda: result.append(turns.take(0.01)))
    waiter.start()
    waiter.join(10)
    assert result == [False]
    turns.give_back()
    assert turns.take(0)


def test_it_is_mine_only_while_i_have_it() -> None:
    turns = FairLock()
    seen = [turns.is_mine]
    turns.take(0)
    seen.append(turns.is_mine)
    other = threading.Thread(target=lambda: seen.append(turns.is_mine))
    other.start()
    other.join(10)
    turns.give_back()
    seen.append(turns.is_mine)
    assert seen == [False, True, False, False]


def test_waiters_are_served_in_the_order_in_which_they_came() -> None:
    turns = FairLock()
    turns.take(0)
    served: list[int] = []

    def wait(number: int) -> None:
        assert turns.take(10)
        served.append(number)
        turns.give_back()

    waiters = [threading.Thread(target=wait, args=(number,)) for number in range(6)]
    for number, waiter in enumerate(waiters):
        waiter.start()
        while turns.waiting <= number:
            time.sleep(0.001)
    turns.give_back()
    for waiter in waiters:
        waiter.join(10)
    assert served == list(range(6))


def test_a_turn_is_never_held_by_two() -> None:
    turns = FairLock()
    inside, most, lost = 0, 0, 0

    def work() -> None:
        nonlocal inside, most, lost
        for _ in range(200):
            if not turns.take(0.0005):
                lost += 1
                continue
            inside += 1
            most = max(most, inside)
            inside -= 1
            turns.give_back()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert most == 1
    assert turns.take(0)
