"""Whatever happens in whatever order, each delivery ends in the CRM exactly once, or surely not at all."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from connectors.base import ReminderState
from plugin.delivery import Worker
from plugin.delivery.queue import Queue
from plugin.errors import LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.states import OPEN
from tests.plugin.delivery.fake_crm import EXCHANGES, READS, WRITES, BatchingCrm, Clock, FakeCrm, Killed
from tests.plugin.delivery.harness import LEASE, BreakableLedger, FakeMailer, House
from tests.support.examples import examples
from tests.support.postgres import Databases

PHONE = "+79160000042"
MAIL_ANSWERS = ("ok", "unknown", "error", "killed")
KINDS = ("comment", "reminder", "smtp_email", "crm_email")
SIDES = st.integers(0, 1)


@cache
def empty_ledger() -> Path:
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "empty.db"
    ledger = Ledger(f"sqlite:///{path}")
    ledger.upgrade()
    ledger.close()
    return path


@contextmanager
def sqlite_house() -> Iterator[House]:
    """A dealership on a SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(empty_ledger(), Path(folder) / "ledger.db")
        ledger = BreakableLedger(f"sqlite:///{folder}/ledger.db")
        yield House(ledger)
        ledger.close()


@dataclass
class Process:
    """One delivery process: dead ones are replaced by a fresh start."""

    worker: Worker
    crm: FakeCrm
    mailer: FakeMailer


class Deliveries(RuleBasedStateMachine):
    """Two processes on one ledger, a CRM and a mail server with faults, kills, corrections and clocks set back."""

    kind: type[FakeCrm] = FakeCrm

    def on_database(self) -> AbstractContextManager[House]:
        return sqlite_house()

    def __init__(self) -> None:
        super().__init__()
        self.opened = self.on_database()
        self.house = self.opened.__enter__()
        self.decisions: list[int] = []
        self.corrected: set[int] = set()
        self.processes = [self.started(), self.started()]

    def started(self) -> Process:
        crm, mailer = self.kind(self.house.crm), FakeMailer()
        mailer.mails = self.house.mailer.mails
        return Process(self.house.worker(crm, mailer), crm, mailer)

    # --- what comes in -------------------------------------------------------------------------------

    @rule(kinds=st.sets(st.sampled_from(KINDS), min_size=1), card=st.booleans(), other=st.booleans())
    def plan(self, kinds: set[str], card: bool, other: bool) -> None:
        target = {"name": "Другой Клиент", "phone": PHONE} if other else None
        decision = (
            self.house.decision(target=target) if card else self.house.decision(card=None, phone=PHONE, target=target)
        )
        self.decisions.append(decision)
        for kind in sorted(kinds):
            self.house.delivery(decision, kind, fallback_text="Ответил другой клиент" if other else None)

    @precondition(lambda self: len(self.corrected) < len(self.decisions))
    @rule(which=st.randoms(use_true_random=False))
    def correct(self, which: Any) -> None:
        """As the intake does it: cancel what surely has not gone out, stop the rest, take reminders back."""
        decision = which.choice([one for one in self.decisions if one not in self.corrected])
        self.corrected.add(decision)
        for row in [row for row in self.house.rows() if row.decision_ref == decision]:
            if row.state in {"pending", "waiting", "parked"} and row.sent_at is None:
                self.house.change(row.id, state="cancelled", finished_at=self.house.clock())
            elif row.state not in {"done", "cancelled"}:
                self.house.change(row.id, cancel=True)
            if row.kind == "reminder":
                for kind in ("withdrawal", "smtp_email"):
                    self.house.delivery(decision, kind, withdraws=row.id, text="Клиент передумал")

    # --- what goes wrong -----------------------------------------------------------------------------

    @rule(
        side=SIDES,
        writes=st.lists(st.sampled_from(WRITES), max_size=4),
        reads=st.lists(st.sampled_from(READS), max_size=2),
        mails=st.lists(st.sampled_from(MAIL_ANSWERS), max_size=2),
    )
    def meet(self, side: int, writes: list[str], reads: list[str], mails: list[str]) -> None:
        process = self.processes[side]
        process.crm.writes.extend(writes)
        process.crm.reads.extend(reads)
        process.mailer.answers.extend(mails)

    @rule(side=SIDES)
    def claim_and_die(self, side: int) -> None:
        Queue(self.house.ledger, self.house.clock, f"dead:{next(self.house.numbers)}", LEASE).claim(2)
        self.processes[side] = self.started()

    @rule(side=SIDES)
    def fill_the_disk_while_sending(self, side: int) -> None:
        def fill() -> None:
            self.house.ledger.broken = True

        self.processes[side].crm.meanwhile = fill

    @rule(side=SIDES, seconds=st.sampled_from([0, 10]))
    def let_the_other_work_while_sending(self, side: int, seconds: int) -> None:
        def work() -> None:
            self.house.clock.advance(seconds)
            other = self.processes[1 - side]
            other.crm.meanwhile = other.crm.meanwhile_reading = None
            self.let_the_other_run_into_no_time_out(other.crm)
            self.work(1 - side)

        self.processes[side].crm.meanwhile = work

    def let_the_other_run_into_no_time_out(self, other: FakeCrm) -> None:
        """Time-outs in there would make this request outlast every time-out of its own."""
        for slow in ("lost", "late"):
            while slow in other.writes:
                other.writes.remove(slow)

    @rule(side=SIDES)
    def be_held_up_while_looking_beyond_the_lease(self, side: int) -> None:
        def sleep() -> None:
            self.house.clock.advance(LEASE)
            other = self.processes[1 - side]
            other.crm.meanwhile = other.crm.meanwhile_reading = None
            self.work(1 - side)

        self.processes[side].crm.meanwhile_reading = sleep

    @rule(which=st.randoms(use_true_random=False), side=SIDES)
    def correct_while_sending(self, which: Any, side: int) -> None:
        def correct() -> None:
            if len(self.corrected) < len(self.decisions):
                self.correct(which)

        self.processes[side].crm.meanwhile = correct

    # --- what is done --------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 6, 31, 100, 1000, 90_000]))
    def wait(self, seconds: int) -> None:
        self.house.clock.advance(seconds)

    @rule(seconds=st.sampled_from([40, 4000]))
    def set_the_clock_back(self, seconds: int) -> None:
        self.house.clock.set_back(seconds)

    @rule(side=SIDES)
    def work(self, side: int) -> None:
        try:
            self.processes[side].worker.run_once()
        except Killed:
            self.processes[side] = self.started()
        except LedgerUnavailable:
            # The disk filled up while a probe was on its way: the loop goes on later, as ``run_once`` says.
            assert self.house.ledger.broken
        finally:
            self.house.ledger.broken = False

    # --- what must hold ------------------------------------------------------------------------------

    @invariant()
    def nothing_is_in_the_crm_twice(self) -> None:
        for row in self.house.rows():
            if row.kind in {"comment", "reminder"}:
                assert len(self.house.crm.having(row.key)) <= 1, row

    def teardown(self) -> None:
        try:
            self.drain()
            for row in self.house.rows():
                self.check(row)
        finally:
            self.opened.__exit__(None, None, None)

    def drain(self) -> None:
        """The faults end; after enough time everything has come to its end."""
        self.processes = [self.started(), self.started()]
        for _ in range(200):
            if not any(row.state in OPEN for row in self.house.rows()):
                return
            self.house.clock.advance(1000)
            for side in (0, 1):
                self.work(side)
        raise AssertionError([row for row in self.house.rows() if row.state in OPEN])

    def check(self, row: Any) -> None:
        copies = len(self.house.crm.having(row.key))
        mails = sum(mail[3].startswith(f"<{row.key[:32]}@") for mail in self.house.mailer.mails)
        checks: dict[str, Callable[[], bool]] = {
            "comment": lambda: copies == {"done": 1, "cancelled": 0}.get(row.state, copies),
            "reminder": lambda: copies == {"done": 1, "cancelled": 0}.get(row.state, copies),
            "crm_email": lambda: copies > 0 if row.state == "done" else True,
            "smtp_email": lambda: mails > 0 if row.state == "done" else True,
            "withdrawal": lambda: self.taken_back(row),
        }
        assert checks[row.kind](), row
        if row.sent_at is None:
            assert copies + mails == 0, row
        if row.state == "cancelled":
            assert row.decision_ref in self.corrected, row
        assert row.finished_at is not None
        assert row.owner is None

    def taken_back(self, row: Any) -> bool:
        reminders = self.house.crm.having(self.house.row(row.withdraws).key)
        if row.state == "cancelled":
            return not reminders
        return row.state == "parked" or all(one.state is ReminderState.DONE for one in reminders)


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(
    max_examples=examples(60), stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


class InBundles(Deliveries):
    """The same with a CRM that takes several writes in one request, which can go wrong as a whole too."""

    kind = BatchingCrm

    @rule(side=SIDES, exchanges=st.lists(st.sampled_from(EXCHANGES), max_size=3))
    def meet_in_whole_requests(self, side: int, exchanges: list[str]) -> None:
        crm = self.processes[side].crm
        assert isinstance(crm, BatchingCrm)
        crm.exchanges.extend(exchanges)

    def let_the_other_run_into_no_time_out(self, other: FakeCrm) -> None:
        super().let_the_other_run_into_no_time_out(other)
        assert isinstance(other, BatchingCrm)
        other.exchanges.clear()


TestInBundles = InBundles.TestCase
TestInBundles.settings = TestDeliveries.settings


class OnPostgres(Deliveries):
    """The same on PostgreSQL, whose clock it is that jumps."""

    databases: Databases

    @contextmanager
    def on_database(self) -> Iterator[House]:
        clock = Clock()
        with self.databases.database() as url:
            ledger = BreakableLedger(url, clock=clock)
            yield House(ledger, clock)
            ledger.close()


class TestOnPostgres(OnPostgres.TestCase):  # type: ignore[name-defined, misc]
    settings = settings(
        max_examples=examples(25), stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )

    @pytest.fixture(autouse=True)
    def on_the_sessions_server(self, postgres: Databases) -> None:
        OnPostgres.databases = postgres
