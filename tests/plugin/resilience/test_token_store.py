"""What an account keeps: changed by one at a time of all threads and processes, never lost by a crash in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from connectors.base import CrmUnavailable, Limits
from plugin.errors import LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.connected import account_values
from plugin.resilience.token_store import LedgerStore
from tests.support.processes import wait_until

ROOT = Path(__file__).parents[3]
#: 5 + 20 seconds for one exchange with the CRM, and a margin of 30.
LEASE = 55.0


class Clock:
    """The ledger's time, moved by hand; waiting for a turn moves it too."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 10, tzinfo=UTC)
        self.waited = 0.0

    def __call__(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def sleep(self, seconds: float) -> None:
        self.waited += seconds
        self.time += timedelta(seconds=seconds)


class BreakableLedger(Ledger):
    """A ledger that cannot be used while ``broken``."""

    broken = False

    @contextmanager
    def write(self, *, alone: bool = False) -> Iterator[Connection]:
        self._fail()
        with super().write(alone=alone) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self._fail()
        with super().read() as connection:
            yield connection

    def _fail(self) -> None:
        if self.broken:
            raise LedgerUnavailable("the disk is full")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_ledger(ledger_url: str, clock: Clock) -> Iterator[Callable[[], BreakableLedger]]:
    """Opens the ledger once more, as another process would."""
    opened: list[BreakableLedger] = []

    def open_() -> BreakableLedger:
        opened.append(BreakableLedger(ledger_url, busy_seconds=5.0, clock=clock))
        return opened[-1]

    yield open_
    for ledger in opened:
        ledger.close()


def store_on(ledger: Ledger, clock: Clock, account: str = "testcrm") -> LedgerStore:
    return LedgerStore(ledger, account, Limits(), clock, monotonic=clock.monotonic, sleep=clock.sleep)


@pytest.fixture
def store(open_ledger: Callable[[], BreakableLedger], clock: Clock) -> LedgerStore:
    return store_on(open_ledger(), clock)


@pytest.fixture
def other(open_ledger: Callable[[], BreakableLedger], clock: Clock) -> LedgerStore:
    """The same account in another process."""
    return store_on(open_ledger(), clock)


def no_exchange(kept: str | None) -> str:
    raise CrmUnavailable("the CRM is away", status=503)


# --- what goes wrong -------------------------------------------------------------------------------


def test_a_change_that_fails_keeps_nothing_and_leaves_the_turn_to_others(
    store: LedgerStore, other: LedgerStore
) -> None:
    store.change("tokens", lambda _: "first")
    with pytest.raises(CrmUnavailable, match="the CRM is away"):
        store.change("tokens", no_exchange)
    assert store.get("tokens") == "first"
    assert other.change("tokens", lambda kept: f"{kept}, second") == "first, second"


def test_a_turn_that_does_not_come_is_given_up_as_the_crm_being_away(
    store: LedgerStore, other: LedgerStore, clock: Clock
) -> None:
    def taking_long(_: str | None) -> str:
        with pytest.raises(CrmUnavailable, match="somebody else") as error:
            other.change("tokens", lambda _: "mine")
        assert error.value.after
        return "theirs"

    assert store.change("tokens", taking_long) == "theirs"
    assert 10 < clock.waited <= 20
    assert other.get("tokens") == "theirs"


def test_a_change_that_died_in_the_middle_is_taken_over_after_its_lease_and_not_before(
    store: LedgerStore, other: LedgerStore, clock: Clock
) -> None:
    store.change("tokens", lambda _: "first")

    class Killed(BaseException):
        pass

    # The process is gone: nobody gives the turn back.
    store._give_back = lambda _: None  # type: ignore[method-assign]

    def dying(_: str | None) -> str:
        raise Killed

    with pytest.raises(Killed):
        store.change("tokens", dying)
    with pytest.raises(CrmUnavailable):
        other.change("tokens", lambda _: "too early")
    clock.time += timedelta(seconds=LEASE)
    assert other.change("tokens", lambda kept: f"{kept}, second") == "first, second"


def test_a_lease_of_a_clock_that_was_set_back_holds_up_no_process(
    store: LedgerStore, other: LedgerStore, clock: Clock
) -> None:
    def stopped_and_set_back(_: str | None) -> str:
        clock.time -= timedelta(days=1)
        return other.change("tokens", lambda _: "theirs")

    # Whoever was overtaken learns that somebody has kept a newer value.
    with pytest.raises(CrmUnavailable, match="meanwhile"):
        store.change("tokens", stopped_and_set_back)
    assert store.get("tokens") == "theirs"


def test_a_process_overtaken_by_one_that_kept_nothing_yet_keeps_its_value(
    store: LedgerStore, other: LedgerStore, clock: Clock
) -> None:
    def stopped_for_long(_: str | None) -> str:
        clock.time += timedelta(seconds=LEASE)
        with pytest.raises(CrmUnavailable):
            other.change("tokens", no_exchange)
        return "exchanged"

    assert store.change("tokens", stopped_for_long) == "exchanged"
    assert other.get("tokens") == "exchanged"


def test_a_ledger_that_cannot_be_used_reads_as_the_crm_being_away(
    open_ledger: Callable[[], BreakableLedger], clock: Clock
) -> None:
    ledger = open_ledger()
    store = store_on(ledger, clock)
    ledger.broken = True
    for ask in (lambda: store.get("tokens"), lambda: store.change("tokens", lambda _: "x")):
        with pytest.raises(CrmUnavailable, match="the disk is full") as error:
            ask()
        assert error.value.after == 5


def test_what_was_exchanged_while_the_ledger_was_away_is_used_and_kept_at_the_next_chance(
    open_ledger: Callable[[], BreakableLedger], other: LedgerStore, clock: Clock
) -> None:
    ledger = open_ledger()
    store = store_on(ledger, clock)
    store.change("tokens", lambda _: "first")

    def exchanged(_: str | None) -> str:
        ledger.broken = True
        return "second"

    with pytest.raises(CrmUnavailable, match="the disk is full"):
        store.change("tokens", exchanged)
    ledger.broken = False
    assert (store.get("tokens"), other.get("tokens")) == ("second", "first")
    # Its own turn, which it could not give back, has run out.
    clock.time += timedelta(seconds=LEASE)
    assert store.change("tokens", lambda kept: f"{kept}, third") == "second, third"
    assert other.get("tokens") == "second, third"


def test_a_value_that_another_process_has_kept_since_replaces_an_unkept_one(
    open_ledger: Callable[[], BreakableLedger], other: LedgerStore, clock: Clock
) -> None:
    ledger = open_ledger()
    store = store_on(ledger, clock)

    def exchanged(_: str | None) -> str:
        ledger.broken = True
        return "lost"

    with pytest.raises(CrmUnavailable):
        store.change("tokens", exchanged)
    ledger.broken = False
    clock.time += timedelta(seconds=LEASE)
    other.change("tokens", lambda _: "newer")
    assert store.get("tokens") == "newer"
    assert store.change("tokens", lambda kept: f"{kept} still") == "newer still"


# --- what holds ------------------------------------------------------------------------------------


def test_nothing_is_kept_at_first_and_every_process_sees_a_kept_value(store: LedgerStore, other: LedgerStore) -> None:
    assert store.get("tokens") is None
    seen: list[str | None] = []
    assert store.change("tokens", lambda kept: seen.append(kept) or "пара" * 1000) == "пара" * 1000
    assert seen == [None]
    assert other.get("tokens") == "пара" * 1000


def test_names_and_accounts_are_kept_apart(
    open_ledger: Callable[[], BreakableLedger], store: LedgerStore, clock: Clock
) -> None:
    stranger = store_on(open_ledger(), clock, "othercrm")
    store.change("tokens", lambda _: "a")
    store.change("state", lambda _: "b")
    assert (stranger.get("tokens"), store.get("state")) == (None, "b")


def test_the_exchange_is_outside_of_any_transaction(
    open_ledger: Callable[[], BreakableLedger], other: LedgerStore, clock: Clock
) -> None:
    ledger = open_ledger()

    def exchanging(_: str | None) -> str:
        other.change("something else", lambda _: "written meanwhile")
        with ledger.write() as connection:
            held = connection.execute(select(account_values.c.owner)).scalars().all()
        assert any(held)
        return "tokens"

    assert store_on(ledger, clock).change("tokens", exchanging) == "tokens"


def test_threads_take_turns(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    store = LedgerStore(ledger, "testcrm", Limits(), lambda: datetime.now(UTC))
    inside = threading.Lock()

    def add_one(kept: str | None) -> str:
        assert inside.acquire(blocking=False), "two at once"
        try:
            return str(int(kept or 0) + 1)
        finally:
            inside.release()

    threads = [threading.Thread(target=store.change, args=("count", add_one)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("count") == "8"
    ledger.close()


_CHANGES = """
import json, sys, time
from datetime import UTC, datetime
from connectors.base import Limits
from plugin.ledger import Ledger
from plugin.resilience.token_store import LedgerStore

ledger = Ledger(sys.argv[1])
store = LedgerStore(ledger, "testcrm", Limits(), lambda: datetime.now(UTC))

def add(kept):
    numbers = json.loads(kept or "[]")
    time.sleep(0.02)
    return json.dumps([*numbers, len(numbers)])

for _ in range(5):
    store.change("numbers", add)
"""
_DIES = """
import sys, time
from datetime import UTC, datetime
from connectors.base import Limits
from plugin.ledger import Ledger
from plugin.resilience.token_store import LedgerStore

store = LedgerStore(Ledger(sys.argv[1]), "testcrm", Limits(), lambda: datetime.now(UTC))

def exchanging(kept):
    print("exchanging", flush=True)
    time.sleep(600)
    return "never"

store.change("tokens", exchanging)
"""


@pytest.mark.slow
def test_processes_take_turns(ledger_url: str) -> None:
    command = [sys.executable, "-W", "error", "-c", _CHANGES, ledger_url]
    running = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    told = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], told
    ledger = Ledger(ledger_url)
    store = LedgerStore(ledger, "testcrm", Limits(), lambda: datetime.now(UTC))
    assert json.loads(store.get("numbers") or "") == list(range(15))
    ledger.close()


def test_a_process_that_is_killed_while_it_exchanges_loses_nothing_that_was_kept(ledger_url: str) -> None:
    moment = datetime.now(UTC)
    ledger = Ledger(ledger_url, clock=lambda: moment)
    store = LedgerStore(
        ledger, "testcrm", Limits(), lambda: moment, sleep=lambda _: None, monotonic=iter(range(999)).__next__
    )
    store.change("tokens", lambda _: "first")
    command = [sys.executable, "-c", _DIES, ledger_url]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "exchanging\n"
    process.kill()
    process.communicate()
    assert store.get("tokens") == "first"
    with pytest.raises(CrmUnavailable):
        store.change("tokens", lambda _: "too early")
    moment = datetime.now(UTC) + timedelta(seconds=LEASE)
    assert wait_until(lambda: store.change("tokens", lambda kept: f"{kept}, second")) == "first, second"
    ledger.close()
