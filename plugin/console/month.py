"""The promises of the last 30 days, day by day, as a picture is drawn from them; counted once a minute at most."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, func, select

from plugin.ledger.promises import UNSETTLED, PromiseState, promises
from plugin.ledger.schema import UtcTime, calls

DAYS = 30
#: For so long a count is shown again.
_KEPT = timedelta(minutes=1)
_COUNT = (
    select(promises.c.state, func.count())
    .join(calls, calls.c.id == promises.c.call_ref)
    .where(
        calls.c.last_occurred_at >= bindparam("since", type_=UtcTime),
        calls.c.last_occurred_at < bindparam("until", type_=UtcTime),
        promises.c.state != PromiseState.WITHDRAWN.value,
    )
    .group_by(promises.c.state)
)


@dataclass(frozen=True, slots=True)
class DayOfPromises:
    """What became of the promises that were made in one day's calls: how many were kept, late, broken, and are open."""

    day: date
    kept: int = 0
    late: int = 0
    broken: int = 0
    open: int = 0

    @property
    def made(self) -> int:
        """All of them."""
        return self.kept + self.late + self.broken + self.open


class MonthOfPromises:
    """Those of a ledger. Thread-safe."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._lock = threading.Lock()
        self._counted: tuple[datetime, Sequence[DayOfPromises]] | None = None

    def days(self, connection: Connection, now: datetime) -> Sequence[DayOfPromises]:
        """The last 30 days by the deployment's calendar, today last. Days of which nothing can change are kept."""
        with self._lock:
            known = self._counted
        if known is not None and abs(now - known[0]) < _KEPT:
            return known[1]
        today = now.astimezone(self._zone).date()
        kept = {one.day: one for one in known[1] if not one.broken and not one.open} if known else {}
        wanted = [today - timedelta(days=back) for back in reversed(range(DAYS))]
        days = [
            kept[day] if day in kept and day < today - timedelta(days=1) else self._count(connection, day)
            for day in wanted
        ]
        with self._lock:
            self._counted = (now, days)
        return days

    def _count(self, connection: Connection, day: date) -> DayOfPromises:
        since, until = (datetime.combine(one, time(), self._zone) for one in (day, day + timedelta(days=1)))
        found = {state: number for state, number in connection.execute(_COUNT, {"since": since, "until": until})}
        return DayOfPromises(
            day,
            kept=found.get(PromiseState.KEPT, 0),
            late=found.get(PromiseState.LATE, 0),
            broken=found.get(PromiseState.BROKEN, 0),
            open=sum(found.get(state, 0) for state in UNSETTLED if state != PromiseState.BROKEN),
        )
