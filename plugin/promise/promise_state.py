"""What state a promise is in, by its deliveries and its reminders, and when its reminders are looked at next. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from plugin.ledger.promises import PromiseState, WatchState
from plugin.ledger.states import DeliveryState

#: So long after a moment the CRM's word is waited for before what was last known counts.
PATIENCE = timedelta(minutes=15)
#: The pace of looking, by how much time is left: longer than the first → the second.
_PACES = (
    (timedelta(hours=6), timedelta(hours=1)),
    (timedelta(hours=1), timedelta(minutes=20)),
    (timedelta(hours=-1), timedelta(minutes=10)),
    (timedelta(days=-7), timedelta(hours=1)),
    (timedelta(days=-31), timedelta(days=1)),
)
#: So long before the deadline a look falls on the very moment.
_MARKS = (timedelta(hours=6), timedelta(hours=1), timedelta(0))


@dataclass(frozen=True, slots=True)
class ReminderStanding:
    """A reminder of the standing decision: its delivery's state, and what is known of it in the CRM (None: nothing)."""

    delivery: str
    watch: str | None = None
    done_at: datetime | None = None
    looked_at: datetime | None = None

    @property
    def is_done(self) -> bool:
        """Whether its person has done it."""
        return self.watch == WatchState.DONE

    def is_undone_at(self, moment: datetime) -> bool:
        """Whether it is known that it was not done by this moment."""
        if self.is_done:
            return self.done_at is not None and self.done_at > moment
        return self.watch is None or (self.looked_at is not None and self.looked_at >= moment)


@dataclass(frozen=True, slots=True)
class PromiseStanding:
    """A promise's state, since when it is settled or broken, and whether everything of it has gone out."""

    state: PromiseState
    ended_at: datetime | None = None
    is_written: bool = False


def standing_of(
    reminders: Sequence[ReminderStanding], deadline: datetime, due_by: datetime, now: datetime, *, undelivered: bool
) -> PromiseStanding:
    """The state of a promise. ``undelivered``: some delivery of the standing decision has not ended well.

    A promise is broken once it is known that a reminder was not done by ``due_by``, or ``PATIENCE`` later.
    """
    live = [one for one in reminders if one.delivery != DeliveryState.CANCELLED]
    if not live:
        return PromiseStanding(PromiseState.WITHDRAWN, now, not undelivered)
    if all(one.is_done for one in live):
        last = max(one.done_at or now for one in live)
        return PromiseStanding(PromiseState.KEPT if last <= deadline else PromiseState.LATE, last, not undelivered)
    left = [one for one in live if not one.is_done]
    if now >= due_by + PATIENCE or (now >= due_by and any(one.is_undone_at(due_by) for one in left)):
        return PromiseStanding(PromiseState.BROKEN, due_by, not undelivered)
    return PromiseStanding(PromiseState.OPEN if undelivered else PromiseState.WRITTEN, None, not undelivered)


def next_look(due_by: datetime, now: datetime) -> datetime | None:
    """When a reminder that is open is looked at next; None: not any more."""
    left = due_by - now
    pace = next((pace for more_than, pace in _PACES if left > more_than), None)
    if pace is None:
        return None
    marks = [due_by - mark for mark in _MARKS if now < due_by - mark < now + pace]
    return min([now + pace, *marks])
