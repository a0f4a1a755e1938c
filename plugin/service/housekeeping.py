"""What a service does beside delivering: catches up with the CRM, reminds of unfinished calls, alerts, purges daily.

Each is a loop in a thread of its own, so that a slow mail server or a long purge holds up nothing else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.config.settings import Settings
from plugin.errors import LedgerUnavailable
from plugin.events.late_card_fields import LateCardFields
from plugin.events.unfinished import remind_of_unfinished
from plugin.ledger import Ledger
from plugin.ledger.chain.loop import ChainLoop
from plugin.ledger.outage_log import OutageLog
from plugin.monitoring import AlertWatch
from plugin.operations.chain_check import DailyChainCheck
from plugin.operations.retention import DailyPurge
from plugin.promise.refused_calls import RefusedCallWatch
from plugin.promise.stamping import HeadStamps

_LOG = structlog.get_logger(__name__)

#: How soon a blocked account is noticed, and the pause between two transactions of a purge, in seconds.
_PAUSE = 0.2
#: How often the daily check of the chain looks whether its time has come, and the pause after a fault, in seconds.
_LOOK, _AFTER_FAULT = 60.0, 300.0
#: Between two looks of what has nothing to do in this configuration, in seconds.
_IDLE = 60.0
#: Does a job once and returns the seconds until the next time; it is given what tells that it is to stop.
Step = Callable[[Callable[[], bool]], float]


class HousekeepingLoop:
    """Repeats a step until it is told to stop. While the ledger is away it waits."""

    def __init__(self, step: Step, outages: OutageLog) -> None:
        self._step = step
        self._outages = outages

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                wait = self._step(stop.is_set)
            except LedgerUnavailable as error:
                self._outages.failed(error)
                wait = float(error.retry_after)
            stop.wait(wait)


class UnfinishedCalls:
    """Plans the reminders of calls that never ended; ``wake`` has them delivered at once."""

    def __init__(
        self, ledger: Ledger, rules: ActiveRules, settings: Settings, now: Now, wake: Callable[[], None]
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._settings = settings
        self._now = now
        self._wake = wake
        self._is_broken = False

    def step(self, stopped: Callable[[], bool] = lambda: False) -> float:
        """Plan what is due; the seconds until the next time. Raises LedgerUnavailable; other trouble is logged once."""
        planned = 0
        try:
            planned = remind_of_unfinished(self._ledger, self._rules, self._settings, self._now)
        except LedgerUnavailable:
            raise
        except Exception:
            if not self._is_broken:
                _LOG.exception("unfinished.fault")
            self._is_broken = True
        else:
            self._is_broken = False
        if not planned:
            return self._settings.delivery.poll_seconds
        self._wake()
        return 0.0


def alerts_step(watch: AlertWatch) -> Step:
    """Look for what the admins have to hear of, and mail it, as soon as that is due."""

    def step(stopped: Callable[[], bool]) -> float:
        if watch.is_due():
            watch.run(stopped)
        return _PAUSE

    return step


def refused_calls_step(watch: RefusedCallWatch) -> Step:
    """Look through the calls that came in for excluded numbers."""

    def step(stopped: Callable[[], bool]) -> float:
        return watch.step()

    return step


def card_fields_step(late: LateCardFields | None) -> Step:
    """Read the cards that could not be read when their events came in."""

    def step(stopped: Callable[[], bool]) -> float:
        return _IDLE if late is None else late.step(stopped)

    return step


def purge_step(purge: DailyPurge) -> Step:
    """Do one small transaction of the daily purge, if its time has come."""

    def purged() -> float:
        purge.step()
        return _PAUSE

    return _logging_faults(purged, lambda: _LOG.exception("purge.fault"), _PAUSE)


def chain_step(loop: ChainLoop) -> Step:
    """Take what was written into the chain."""
    return _logging_faults(loop.step, _log_chain_fault, _AFTER_FAULT)


def chain_check_step(check: DailyChainCheck) -> Step:
    """Do one small part of the daily check of the chain, if its time has come."""
    return _logging_faults(lambda: _PAUSE if check.step() else _LOOK, _log_chain_fault, _AFTER_FAULT)


def stamps_step(stamps: HeadStamps) -> Step:
    """Have the chain's head stamped, where a service for that is set."""
    return _logging_faults(stamps.step, _log_chain_fault, _AFTER_FAULT)


def _log_chain_fault() -> None:
    _LOG.exception("chain.fault")


def _logging_faults(work: Callable[[], float], log_fault: Callable[[], None], pause: float) -> Step:
    """A fault of the code is logged, and the step done again after ``pause`` seconds."""

    def step(stopped: Callable[[], bool]) -> float:
        try:
            return work()
        except LedgerUnavailable:
            raise
        except Exception:
            log_fault()
            return pause

    return step
