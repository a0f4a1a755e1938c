"""Carries out and records a purge, by hand or once a day, in small transactions that let other writers in."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from plugin.common.clock import Now
from plugin.config.settings import Settings
from plugin.errors import LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.audit import Actor, newest, record
from plugin.operations.purge import Purge

_LOG = structlog.get_logger(__name__)

_DAY = timedelta(days=1)
#: How often the daily purge looks whether its time has come.
_LOOK = timedelta(minutes=5)
#: Between two transactions others get the ledger for as long as it was held, and for so many seconds at least.
_LEAST_PAUSE = 0.05
_LOOP = "delivery loop"


def purge_now(
    ledger: Ledger,
    now: Now,
    older_than: timedelta,
    actor: Actor,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Purge all there is to purge, in small transactions; how many calls. Raises LedgerUnavailable."""
    purge, purged = Purge(ledger, now, older_than), 0
    try:
        while True:
            started = time.monotonic()
            count = purge.step()
            if not count:
                return purged
            purged += count
            pause(max(_LEAST_PAUSE, time.monotonic() - started))
    finally:
        # What is gone is on record, also where the rest could not be reached.
        with ledger.write() as connection:
            details = {"calls": purged, "older_than_days": older_than / _DAY}
            record(connection, "purge", actor, now(), [{"details": details}])
        _LOG.info("operations.purged", by=actor.by, calls=purged, older_than_days=older_than / _DAY)


class DailyPurge:
    """The delivery loop's share: once a day for the whole ledger, however many loops there are."""

    def __init__(self, ledger: Ledger, settings: Settings, now: Now) -> None:
        self._ledger = ledger
        self._retention = settings.retention
        self._now = now
        self._next_look: datetime | None = None
        self._purge: Purge | None = None
        self._purged = 0

    def step(self) -> bool:
        """Do one small transaction of it if its time has come; whether there may be more. Raises LedgerUnavailable."""
        if not self._retention.daily:
            return False
        if self._purge is None and not self._begin():
            return False
        count = self._step()
        self._purged += count
        if not count:
            _LOG.info("operations.purged", by=_LOOP, calls=self._purged, older_than_days=self._retention.days)
            self._purge, self._purged = None, 0
        return bool(count)

    def _step(self) -> int:
        assert self._purge is not None
        try:
            return self._purge.step()
        except LedgerUnavailable:
            raise
        except Exception:
            # A fault is told once, not with every look: tomorrow is the next try.
            self._purge = None
            raise

    def _begin(self) -> bool:
        """Whether it is this loop's turn now; the loop that begins records it, and the others wait a day."""
        now = self._now()
        if self._next_look is not None and abs(now - (self._next_look - _LOOK)) < _LOOK:
            return False
        self._next_look = now + _LOOK
        with self._ledger.read() as connection:
            if self._is_done(newest(connection, "purge"), now):
                return False
        with self._ledger.write(alone=True) as connection:
            if self._is_done(newest(connection, "purge"), now):
                return False
            details = {"older_than_days": self._retention.days}
            record(connection, "purge", Actor(_LOOP, "[ledger] purge_daily"), now, [{"details": details}])
        self._purge = Purge(self._ledger, self._now, timedelta(days=self._retention.days))
        return True

    @staticmethod
    def _is_done(at: datetime | None, now: datetime) -> bool:
        # A clock that was set back must not put it off for ever.
        return at is not None and abs(now - at) < _DAY
