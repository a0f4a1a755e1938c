"""Guessing is slowed: by account, by address, for all processes together; on both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from plugin.auth.throttle import BY_ACCOUNT, BY_ADDRESS, Throttle
from plugin.ledger import Ledger
from plugin.ledger.access import sign_in_failures
from tests.plugin.auth.support import HandClock

ROOT = str(Path(__file__).parents[3])
GUESSING = """
import sys
sys.path.insert(0, sys.argv[2])
from datetime import UTC, datetime
from plugin.auth.throttle import Throttle
from plugin.ledger import Ledger
now = lambda: datetime(2026, 11, 23, 7, 15, tzinfo=UTC)
ledger = Ledger(sys.argv[1], clock=now)
throttle = Throttle(ledger, b"key", now)
print(sum(throttle.begin("ivanova", "192.0.2.1") == 0 for _ in range(8)))
ledger.close()
"""


@pytest.fixture
def throttle(ledger: Ledger, clock: HandClock) -> Throttle:
    return Throttle(ledger, b"key", clock)


def test_an_account_may_fail_some_times_and_then_waits_longer_and_longer(throttle: Throttle, clock: HandClock) -> None:
    waits = []
    for _ in range(BY_ACCOUNT.free + 9):
        assert throttle.begin("ivanova", "192.0.2.1") == 0
        wait = throttle.begin("ivanova", "192.0.2.1") if len(waits) >= BY_ACCOUNT.free - 1 else 0
        waits.append(wait)
        clock.forward(seconds=wait)
    assert waits == [0, 0, 0, 0, 5, 10, 20, 40, 80, 160, 300, 300, 300, 300]


def test_while_it_waits_nothing_more_is_counted_and_any_address_waits(throttle: Throttle, clock: HandClock) -> None:
    for _ in range(BY_ACCOUNT.free):
        throttle.begin("ivanova", "192.0.2.1")
    assert [throttle.begin("ivanova", f"192.0.2.{number}") for number in range(9)] == [5] * 9
    clock.forward(seconds=5)
    assert throttle.begin("ivanova", "192.0.2.2") == 0


def test_other_accounts_at_the_same_address_do_not_wait_yet(throttle: Throttle) -> None:
    for _ in range(BY_ACCOUNT.free):
        throttle.begin("ivanova", "192.0.2.1")
    assert throttle.begin("petrov", "192.0.2.1") == 0


def test_an_address_that_tries_one_account_after_another_waits(throttle: Throttle) -> None:
    for number in range(BY_ADDRESS.free):
        assert throttle.begin(f"user{number}", "192.0.2.1") == 0
    assert throttle.begin("somebody", "192.0.2.1") == 5
    assert throttle.begin("somebody", "192.0.2.2") == 0


def test_the_right_password_forgets_the_accounts_failures_and_is_none_of_the_addresss(throttle: Throttle) -> None:
    for _ in range(3 * BY_ADDRESS.free):
        assert throttle.begin("ivanova", "192.0.2.1") == 0
        throttle.succeeded("ivanova", "192.0.2.1")
    for _ in range(BY_ACCOUNT.free):
        assert throttle.begin("ivanova", "192.0.2.1") == 0


def test_after_a_day_without_failures_all_is_forgotten(throttle: Throttle, ledger: Ledger, clock: HandClock) -> None:
    for _ in range(BY_ACCOUNT.free):
        throttle.begin("ivanova", "192.0.2.1")
    clock.forward(hours=24, seconds=1)
    throttle.begin("petrov", "192.0.2.2")
    with ledger.read() as connection:
        assert len(connection.execute(select(sign_in_failures)).all()) == 2


def test_neither_names_nor_addresses_are_kept(throttle: Throttle, ledger: Ledger) -> None:
    throttle.begin("a password typed into the wrong field", "192.0.2.1")
    with ledger.read() as connection:
        rows = [str(row) for row in connection.execute(select(sign_in_failures))]
    assert len(rows) == 2
    assert not any("password" in row or "192.0.2.1" in row for row in rows)


def test_tries_made_at_once_get_through_no_more_often(throttle: Throttle) -> None:
    through: list[int] = []
    barrier = threading.Barrier(4)

    def guess() -> None:
        barrier.wait()
        through.extend(throttle.begin("ivanova", "192.0.2.1") for _ in range(5))

    threads = [threading.Thread(target=guess) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(through) == 20
    assert through.count(0) == BY_ACCOUNT.free


def test_processes_count_together(ledger_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", GUESSING, ledger_url, ROOT]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    told = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    assert sum(int(out) for out, _ in told) == BY_ACCOUNT.free
