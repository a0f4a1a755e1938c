"""Several threads' askings in one transaction: each gets its own answer, and nobody suffers for another's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection

from plugin.errors import LedgerUnavailable
from plugin.ledger.group_commit import GroupCommit

PATIENCE = 60.0


class OneLedger:
    """Counts transactions; ``begin`` is called at the beginning of one, ``commit`` when it is about to be committed."""

    def __init__(self) -> None:
        self.transactions = 0
        self.begin: Callable[[], None] = lambda: None
        self.commit: Callable[[], None] = lambda: None

    @contextmanager
    def write(self, *, alone: bool = False) -> Iterator[Any]:
        self.transactions += 1
        self.begin()
        yield None
        self.commit()


class Work:
    """Doubles numbers. The first group waits until it is let go; groups with a number in ``bad`` fail."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.bad: set[int] = set()

    def __call__(self, _connection: Connection, asks: Sequence[int]) -> Sequence[int]:
        self.groups.append(list(asks))
        if len(self.groups) == 1:
            self.begun.set()
            assert self.go_on.wait(PATIENCE)
        if self.bad & set(asks):
            raise LedgerUnavailable("a row is held by somebody else")
        return [2 * ask for ask in asks]


class Asking:
    """Threads that ask at the same time, in order, while the first one is at it."""

    def __init__(self, subject: Callable[[int], int] = lambda request: request) -> None:
        self.ledger, self.work = OneLedger(), Work()
        self.commit = GroupCommit[int, int](self.ledger, self.work, subject)  # type: ignore[arg-type]
        self.found: dict[int, Sequence[int] | str] = {}

    def run(self, *asks: Sequence[int]) -> None:
        threads = []
        for number, ask in enumerate(asks):
            thread = threading.Thread(target=self._ask, args=(number, ask))
            thread.start()
            threads.append(thread)
            if number == 0:
                assert self.work.begun.wait(PATIENCE)
            else:
                self._until_waiting(number)
        self.work.go_on.set()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def _until_waiting(self, count: int) -> None:
        pause = threading.Event()
        while len(self.commit._waiting) < count:
            pause.wait(0.001)

    def _ask(self, number: int, asks: Sequence[int]) -> None:
        try:
            self.found[number] = self.commit.submit(asks)
        except LedgerUnavailable as error:
            self.found[number] = error.message
        except SystemExit:
            self.found[number] = "ended"


# --- when something is wrong -------------------------------------------------------------------------


def test_a_failing_request_fails_alone() -> None:
    asking = Asking()
    asking.work.bad = {3}
    asking.run([1], [2], [3], [4])
    assert asking.found == {0: [2], 1: [4], 2: "a row is held by somebody else", 3: [8]}
    # Once together, in vain, and then each by itself.
    assert asking.work.groups[1] == [2, 3, 4]
    assert sorted(asking.work.groups[2:]) == [[2], [3], [4]]


def test_a_commit_of_unknown_outcome_fails_every_request_and_is_not_repeated() -> None:
    asking = Asking()

    def lose() -> None:
        if asking.ledger.transactions == 2:
            raise LedgerUnavailable("the connection was lost")

    asking.ledger.commit = lose
    asking.run([1], [2], [3])
    assert asking.found == {0: [2], 1: "the connection was lost", 2: "the connection was lost"}
    assert asking.work.groups == [[1], [2, 3]]


def test_a_ledger_that_lets_none_begin_fails_every_request_at_once() -> None:
    asking = Asking()

    def refuse() -> None:
        if asking.ledger.transactions == 2:
            raise LedgerUnavailable("the writers wait too long")

    asking.ledger.begin = refuse
    asking.run([1], [2], [3])
    assert asking.found == {0: [2], 1: "the writers wait too long", 2: "the writers wait too long"}
    assert asking.work.groups == [[1]]


def test_after_a_failure_the_next_requests_are_served() -> None:
    asking = Asking()
    asking.work.bad = {1}
    asking.run([1], [2])
    assert asking.found == {0: "a row is held by somebody else", 1: [4]}
    assert asking.commit.submit([5]) == [10]


def test_a_keyboard_interrupt_gets_out() -> None:
    asking = Asking()
    asking.work.go_on.set()

    def end() -> None:
        raise KeyboardInterrupt

    asking.ledger.commit = end
    with pytest.raises(KeyboardInterrupt):
        asking.commit.submit([1])


# --- how it goes -------------------------------------------------------------------------------------


def test_requests_that_come_during_a_transaction_share_the_next_one() -> None:
    asking = Asking()
    asking.run([1], [2], [3, 4], [5])
    assert asking.found == {0: [2], 1: [4], 2: [6, 8], 3: [10]}
    assert asking.work.groups == [[1], [2, 3, 4, 5]]
    assert asking.ledger.transactions == 2


def test_a_single_request_commits_at_once() -> None:
    asking = Asking()
    asking.work.go_on.set()
    assert asking.commit.submit([1, 2]) == [2, 4]
    assert asking.ledger.transactions == 1


def test_two_requests_about_one_subject_never_share_a_transaction() -> None:
    asking = Asking(subject=lambda request: request % 10)
    asking.run([1], [2], [12], [3])
    assert asking.found == {0: [2], 1: [4], 2: [24], 3: [6]}
    assert asking.work.groups == [[1], [2, 3], [12]]


def test_a_transaction_takes_about_a_hundred_requests_at_most() -> None:
    asking = Asking()
    asking.run([1], list(range(10, 100)), list(range(200, 220)), [5])
    assert [len(group) for group in asking.work.groups] == [1, 91, 20]


def test_transactions_that_follow_one_another_are_kept_apart_and_the_first_after_a_pause_is_not() -> None:
    slept, now = list[float](), [100.0]

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))
        now[0] += seconds

    ledger, work = OneLedger(), Work()
    work.go_on.set()
    commit = GroupCommit[int, int](
        ledger,  # type: ignore[arg-type]
        work,
        lambda request: request,
        apart=0.5,
        clock=lambda: now[0],
        sleep=sleep,
    )
    for pause in (0.0, 0.1, 0.7):
        now[0] += pause
        commit.submit([1])
    assert slept == [0.4]


def test_a_thread_that_is_interrupted_leaves_the_lead_to_the_next_one() -> None:
    asking = Asking()

    def end() -> None:
        if asking.ledger.transactions == 1:
            raise SystemExit

    asking.ledger.commit = end
    asking.run([1], [2], [3])
    assert asking.found == {0: "ended", 1: [4], 2: [6]}
