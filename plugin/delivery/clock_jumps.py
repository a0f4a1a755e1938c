"""Notices that the clock was set while deliveries are on their way, and repairs the due times that it left.

Set forward, leases and settling times seem to have run out: nothing that may be on its way is taken over until they
really have. Set back, what was planned by the old time is not made to wait until that comes round again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from plugin.common.clock import Now
from plugin.delivery.fair_order import OPEN_LITERALS
from plugin.ledger.schema import deliveries
from plugin.ledger.states import DeliveryState

_LOG = structlog.get_logger(__name__)

#: Less than this is not a jump, in seconds: servers answer now sooner, now later.
_TOLERANCE = 2.0
_AHEAD = timedelta(minutes=1)
#: Seconds that never go back and do not know what time it is, as ``time.monotonic``.
Monotonic = Callable[[], float]

_c = deliveries.c


class ClockJumps:
    """One process's eye on the clock. Thread-safe. ``hold_seconds``: how long a clock set forward is not trusted.

    ``monotonic`` are seconds that no setting of the clock changes.
    """

    def __init__(self, now: Now, monotonic: Monotonic, hold_seconds: float) -> None:
        self._now = now
        self.monotonic = monotonic
        self._hold = hold_seconds
        self._lock = threading.Lock()
        self._last: tuple[datetime, float] | None = None
        self._distrusted_until = float("-inf")

    def look(self) -> float:
        """How far the clock was set since the last look, in seconds: 0.0 where it was not. Logs a jump."""
        with self._lock:
            now, seconds = self._now(), self.monotonic()
            last_now, last_seconds = self._last or (now, seconds)
            self._last = (now, seconds)
            jump = (now - last_now).total_seconds() - (seconds - last_seconds)
            if abs(jump) <= _TOLERANCE:
                return 0.0
            if jump > 0:
                self._distrusted_until = seconds + self._hold
        _LOG.warning("clock.jumped", seconds=round(jump, 1))
        return jump

    @property
    def distrusts_clock(self) -> bool:
        """Whether what may be on its way must be left alone for now."""
        return self.monotonic() < self._distrusted_until


def is_anything_ahead(connection: Connection, now: datetime, lease: float, longest_wait: float) -> bool:
    """Whether ``repair_due_times`` would change anything; by the index on what is open."""
    ahead = select(_c.id).where(or_(*(where for where, _ in _repairs(now, lease, longest_wait)))).limit(1)
    return connection.execute(ahead).first() is not None


def repair_due_times(connection: Connection, now: datetime, lease: float, longest_wait: float) -> None:
    """Undo what a clock that was ahead has left: nothing is due later than ``longest_wait`` from now, in seconds.

    What is leased keeps a whole ``lease``. Does nothing a second time.
    """
    for where, values in _repairs(now, lease, longest_wait):
        connection.execute(update(deliveries).where(where).values(**values))


def _repairs(
    now: datetime, lease: float, longest_wait: float
) -> list[tuple[ColumnElement[bool], Mapping[str, datetime]]]:
    is_open, leased, pending = (
        _c.state.in_(OPEN_LITERALS),
        _c.state == DeliveryState.LEASED,
        _c.state == DeliveryState.PENDING,
    )
    until, latest = now + timedelta(seconds=lease), now + timedelta(seconds=longest_wait)
    return [
        (and_(is_open, leased, _c.not_before > until), {"lease_until": until, "not_before": until}),
        (and_(is_open, ~leased, _c.not_before > latest), {"not_before": now}),
        # What is pending was due from the moment it was planned, by a clock that may have been a little ahead.
        (and_(is_open, pending, _c.not_before > now + _AHEAD), {"not_before": now}),
    ]
