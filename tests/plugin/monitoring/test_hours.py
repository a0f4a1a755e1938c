"""Working time between two moments, by the clocks of a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.config.settings import WorkingTime
from plugin.monitoring.hours import working_hours

MOSCOW = ZoneInfo("Europe/Moscow")
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = WorkingTime()
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


def at(zone: ZoneInfo, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [
        (at(MOSCOW, 11, 23, 12), at(MOSCOW, 11, 23, 11), 0),
        (at(MOSCOW, 11, 23, 10), at(MOSCOW, 11, 23, 12, 30), 2.5),
        (at(MOSCOW, 11, 23, 5), at(MOSCOW, 11, 23, 9), 0),
        (at(MOSCOW, 11, 23, 5), at(MOSCOW, 11, 23, 23), 9),
        (at(MOSCOW, 11, 20, 17), at(MOSCOW, 11, 23, 10), 2),
        (at(MOSCOW, 11, 21, 8), at(MOSCOW, 11, 22, 22), 0),
        (at(MOSCOW, 11, 16, 0), at(MOSCOW, 11, 23, 0), 45),
    ],
)
def test_only_working_hours_count(since: datetime, until: datetime, hours: float) -> None:
    assert working_hours(since, until, OFFICE, MOSCOW) == hours


def test_a_day_on_which_the_clocks_are_changed_counts_by_the_hours_that_pass() -> None:
    around_the_clock = WorkingTime(frozenset(range(7)), time(0), time(23))
    assert working_hours(at(BERLIN, 3, 29, 0), at(BERLIN, 3, 29, 23), around_the_clock, BERLIN) == 22
    assert working_hours(at(BERLIN, 10, 25, 0), at(BERLIN, 10, 25, 23), around_the_clock, BERLIN) == 24


@given(first=MOMENTS, second=MOMENTS, third=MOMENTS)
def test_time_adds_up_and_is_never_more_than_passes(first: datetime, second: datetime, third: datetime) -> None:
    first, second, third = sorted((first, second, third))
    parts = working_hours(first, second, OFFICE, MOSCOW) + working_hours(second, third, OFFICE, MOSCOW)
    assert working_hours(first, third, OFFICE, MOSCOW) == pytest.approx(parts)
    assert 0 <= parts <= (third - first) / timedelta(hours=1) + 1e-6
