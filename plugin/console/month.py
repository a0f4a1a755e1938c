"""The promises of the last 30 days, by the day that they fell due; counted once a minute at most."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, case, func, select

from plugin.ledger.promises import PromiseState, promises
from plugin.ledger.schema import UtcTime

DAYS = 30
#: For so long a count is shown again.
_KEPT = timedelta(minutes=1)
_P = promises.c
_COUNT = select(
    func.count(),
    func.count(case((_P.state == PromiseState.KEPT, 1))),
    func.count(case((_P.state.in_((PromiseState.LATE, PromiseState.BROKEN)), 1))),
).where(
    _P.deadline_at >= bindparam("since", type_=UtcTime),
    _P.deadline_at < bindparam("until", type_=UtcTime),
    _P.state != PromiseState.WITHDRAWN,
)


@dataclass(frozen=True, slots=True)
class DayOfPromises:
    """One day: the promises that fell due on it, those kept in time, and those late or broken; the rest stand yet."""

    day: date
    due: int
    kept: int
    failed: int


class MonthOfPromises:
    """Those of a ledger. Thread-safe."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._lock = threading.Lock()
        self._counted: tuple[datetime, Sequence[DayOfPromises]] | None = None

    def days(self, connection: Connection, now: datetime) -> Sequence[DayOfPromises]:
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

    def _count(self, connection: Connection, day: date) -> DayOfPromises:
        since, until = (datetime.combine(one, time(), self._zone) for one in (day, day + timedelta(days=1)))
        return DayOfPromises(day, *connection.execute(_COUNT, {"since": since, "until": until}).one())
