"""Working time between two moments, by the clocks of the deployment's time zone. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from plugin.config.settings import WorkingTime

#: Nothing is asked about more than so many days back: every limit has been passed long before.
_MOST_DAYS = 500


def working_hours(since: datetime, until: datetime, working: WorkingTime, zone: ZoneInfo) -> float:
    """How many working hours lie between two aware moments; 0.0 where ``until`` is not later.

    Days on which the clocks are changed count by the hours that really pass.
    """
    first, last = max(since, until - timedelta(days=_MOST_DAYS)).astimezone(zone), until.astimezone(zone)
    seconds, day = 0.0, first.date()
    while day <= last.date():
        if day.weekday() in working.days:
            start = datetime.combine(day, working.from_, zone).astimezone(UTC)
            end = datetime.combine(day, working.until, zone).astimezone(UTC)
            seconds += max(0.0, (min(end, until) - max(start, since)).total_seconds())
        day += timedelta(days=1)
    return seconds / 3600
