"""10,000 open reminders watched on a simulated clock: how much of a CRM's quota it takes, and how late it notices.

The plan is the product's own (when a reminder is looked at next, how many in a request, by which part of the quota, the
nearest deadlines first); requests are counted and not made.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from benchmarks.measure import Row
from connectors.registry import connector_class
from plugin.doctor.catalogue import usual_limits
from plugin.promise.promise_state import next_look
from plugin.promise.reminder_watch import watch_limits

REMINDERS = 10_000
#: The deadlines are spread over a day's work; the first one is so far away.
SPREAD, FIRST = timedelta(hours=10), timedelta(hours=2)
_HOUR = timedelta(hours=1)
#: Between two looks of the loop where there is nothing to look at.
_PAUSE = timedelta(seconds=5)


@dataclass
class _Reminder:
    due: datetime
    looks: list[datetime] = field(default_factory=list)

    def is_near(self, now: datetime) -> bool:
        return abs(self.due - now) <= _HOUR

    @property
    def latest(self) -> timedelta:
        """The longest that anything done from an hour before the deadline to it waits to be noticed."""
        after = next((look for look in self.looks if look > self.due), self.due + timedelta(days=1))
        within = (look for look in self.looks if self.due - _HOUR < look <= self.due)
        return max(later - earlier for earlier, later in pairwise([self.due - _HOUR, *within, after]))


@dataclass
class _Queue:
    """Reminders in the order of their deadlines, and ``waiting`` by the time of the next look."""

    reminders: list[_Reminder]
    waiting: list[tuple[datetime, int]]
    near: deque[int] = field(default_factory=deque)
    far: deque[int] = field(default_factory=deque)
    left: set[int] = field(default_factory=set)
    passed: int = 0

    def taken(self, now: datetime, most: int) -> list[int]:
        """Those of the next request: near their deadline first, each in the order of its time."""
        while self.waiting and self.waiting[0][0] <= now:
            number = heapq.heappop(self.waiting)[1]
            if self.reminders[number].is_near(now):
                self.near.append(number)
            else:
                self.far.append(number)
                self.left.add(number)
        while self.passed < len(self.reminders) and self.reminders[self.passed].due - _HOUR <= now:
            if self.passed in self.left:
                self.left.remove(self.passed)
                self.near.append(self.passed)
            self.passed += 1
        found = [self.near.popleft() for _ in range(min(most, len(self.near)))]
        while self.far and len(found) < most:
            number = self.far.popleft()
            if number in self.left:
                self.left.remove(number)
                found.append(number)
        return found


def pace() -> list[Row]:
    """The part of the quota that is used, and the latest that a change within the last hour would be noticed."""
    return [row for name in ("bitrix24", "amocrm") for row in _paced(name)]


def _paced(name: str) -> Iterator[Row]:
    kind = connector_class(name)
    limits = usual_limits(kind)
    assert limits is not None
    began = now = datetime(2026, 11, 22, 7, tzinfo=UTC)
    reminders = [_Reminder(began + FIRST + SPREAD * number / REMINDERS) for number in range(REMINDERS)]
    queue = _Queue(reminders, [(began + _HOUR * number / REMINDERS, number) for number in range(REMINDERS)])
    between = timedelta(seconds=1 / watch_limits(limits).requests_per_second)
    requests = 0
    while now < began + FIRST + SPREAD + _HOUR:
        asked = queue.taken(now, kind.most_reminders)
        for number in asked:
            reminders[number].looks.append(now)
            at = next_look(reminders[number].due, now)
            if at is not None:
                heapq.heappush(queue.waiting, (at, number))
        requests += bool(asked)
        now += between if asked else _PAUSE
    share = requests / ((now - began).total_seconds() * limits.requests_per_second)
    late = max(one.latest for one in reminders) / timedelta(minutes=1)
    yield Row(f"{name}: part of the quota", f"{share:.4f}", "<= 0.05", share <= 0.05)
    yield Row(f"{name}: noticed in the last hour, min", f"{late:.1f}", "<= 15", late <= 15)
    yield Row(f"({name}: requests in {(now - began) / _HOUR:.0f} h)", f"{requests:,}")
