"""The loop of promises in a service process: states brought up to date, reminders looked at, people told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from plugin.common.clock import Now
from plugin.errors import LedgerUnavailable
from plugin.promise.bookkeeping import PromiseBook
from plugin.promise.escalation import Escalation
from plugin.promise.reminder_watch import ReminderWatch

_LOG = structlog.get_logger(__name__)

#: Between two passes where a part of it broke, in seconds.
_AFTER_FAULT = 30.0
#: How often it is looked whether anybody is to be told.
_ESCALATES = timedelta(seconds=10)


class PromiseLoop:
    """Does its parts one after the other; what breaks in one of them holds up none of the others."""

    def __init__(self, book: PromiseBook, watch: ReminderWatch, escalation: Escalation, now: Now) -> None:
        self._book = book
        self._watch = watch
        self._escalation = escalation
        self._now = now
        self._escalated_at: datetime | None = None
        self._broken: set[str] = set()

    def step(self, stopped: Callable[[], bool] = lambda: False) -> float:
        """One pass; the seconds until the next. Raises LedgerUnavailable; other trouble is logged once."""
        more = self._part("book", lambda: 0.0 if self._book.step() else 1.0)
        wait = self._part("watch", self._watch.step)
        if self._is_time_to_escalate():
            self._part("escalation", self._escalation.step)
        return wait if more else 0.0

    def _is_time_to_escalate(self) -> bool:
        now, last = self._now(), self._escalated_at
        if last is not None and abs(now - last) < _ESCALATES:
            return False
        self._escalated_at = now
        return True

    def _part(self, name: str, do: Callable[[], float]) -> float:
        try:
            wait = do()
        except LedgerUnavailable:
            raise
        except Exception:
            if name not in self._broken:
                _LOG.exception("promise.fault", part=name)
            self._broken.add(name)
            return _AFTER_FAULT
        self._broken.discard(name)
        return wait
