"""No sequence of corrections leaves two open reminders of one role, or a record without what takes it back."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.plugin.delivery.correcting import ENDINGS, Desk
from tests.plugin.delivery.fake_crm import READS, WRITES
from tests.plugin.delivery.harness import BreakableLedger
from tests.plugin.delivery.test_property import MAIL_ANSWERS, empty_ledger

_ENDING = st.sampled_from(sorted(ENDINGS))


class CorrectedCalls(RuleBasedStateMachine):
    """Two calls that are corrected again and again, a CRM and a mail server with faults, and processes that die."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        shutil.copy(empty_ledger(), Path(self.folder.name) / "ledger.db")
        self.ledger = BreakableLedger(f"sqlite:///{self.folder.name}/ledger.db")
        self.desk = Desk(self.ledger)
        self.calls = [self.desk.call(1), self.desk.call(2)]

    @initialize(endings=st.tuples(_ENDING, _ENDING))
    def begin(self, endings: tuple[str, str]) -> None:
        for call, ending in zip(self.calls, endings, strict=True):
            call.report(ending)

    @rule(which=st.integers(0, 1), ending=_ENDING)
    def correct(self, which: int, ending: str) -> None:
        self.calls[which].report(ending)

    @rule(which=st.integers(0, 1), ending=_ENDING)
    def correct_while_sending(self, which: int, ending: str) -> None:
        self.desk.crm.meanwhile = lambda: self.report(which, ending)

    def report(self, which: int, ending: str) -> None:
        self.calls[which].report(ending)

    @rule(
        writes=st.lists(st.sampled_from(WRITES), max_size=4),
        reads=st.lists(st.sampled_from(READS), max_size=2),
        mails=st.lists(st.sampled_from(MAIL_ANSWERS), max_size=3),
    )
    def meet(self, writes: list[str], reads: list[str], mails: list[str]) -> None:
        self.desk.crm.writes.extend(writes)
        self.desk.crm.reads.extend(reads)
        self.desk.house.mailer.answers.extend(mails)

    @rule()
    def work(self) -> None:
        self.desk.work()

    @rule(seconds=st.sampled_from([1, 31, 100, 700]))
    def wait(self, seconds: int) -> None:
        self.desk.house.clock.advance(seconds)

    def teardown(self) -> None:
        try:
            self.desk.drain()
            for call in self.calls:
                if call.told:
                    call.check()
        finally:
            self.ledger.close()
            self.folder.cleanup()


TestCorrectedCalls: Any = CorrectedCalls.TestCase
TestCorrectedCalls.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
