"""The calls of the last 30 days, day by day, as a picture is drawn from them; counted once a minute at most."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, func, select

from plugin.ledger.schema import UtcTime, calls

DAYS = 30
#: For so long a count is shown again.
_KEPT = timedelta(minutes=1)
_COUNT = select(func.count(), func.count(calls.c.outcome)).where(
    calls.c.last_occurred_at >= bindparam("since", type_=UtcTime),
    calls.c.last_occurred_at < bindparam("until", type_=UtcTime),
)


@dataclass(frozen=True, slots=True)
class DayOfCalls:
    """One day: its calls, and how many of them have an outcome."""

    day: date
    calls: int
    decided: int


class MonthOfCalls:
    """Those of a ledger. Thread-safe."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._lock = threading.Lock()
        self._counted: tuple[datetime, Sequence[DayOfCalls]] | None = None

    def days(self, connection: Connection, now: datetime) -> Sequence[DayOfCalls]:
        """The last 30 days by the deployment's calendar, today last. Days that are over are counted once a day."""
        with self._lock:
            known = self._counted
        if known is not None and abs(now - known[0]) < _KEPT:
            return known[1]
        today = now.astimezone(self._zone).date()
        over = {one.day: one for one in known[1]} if known and known[0].astimezone(self._zone).date() == today else {}
        wanted = [today - timedelta(days=back) for back in reversed(range(DAYS))]
        days = [
            over[day] if day in over and day < today - timedelta(days=1) else self._count(connection, day)
            for day in wanted
        ]
        with self._lock:
            self._counted = (now, days)
        return days

    def _count(self, connection: Connection, day: date) -> DayOfCalls:
        since, until = (datetime.combine(one, time(), self._zone) for one in (day, day + timedelta(days=1)))
        return DayOfCalls(day, *connection.execute(_COUNT, {"since": since, "until": until}).one())
