"""What is due by the calendar is due at the last working moment in time, as a search minute by minute finds it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.deciding.ruleset.calendar import Calendar, Due, due_by

MOSCOW = ZoneInfo("Europe/Moscow")
WEEK = Calendar(frozenset(range(5)), time(9), time(18))


def _at(text: str, zone: ZoneInfo = MOSCOW) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def _due(calendar: Calendar, call: str, hours: int = 24, zone: ZoneInfo = MOSCOW) -> str:
    now = _at(call, zone)
    due = due_by(calendar, now, now + timedelta(hours=hours), zone)
    return f"{due.at.astimezone(zone):%Y-%m-%d %H:%M}" + (" hurried" if due.is_hurried else "")


def test_a_term_that_ends_on_a_day_off_is_over_at_the_end_of_the_last_working_day() -> None:
    assert _due(WEEK, "2026-03-06 15:00") == "2026-03-06 18:00"


def test_a_term_that_ends_in_the_evening_is_over_when_people_go_home() -> None:
    assert _due(WEEK, "2026-03-03 20:00") == "2026-03-04 18:00"


def test_a_term_that_ends_in_working_time_stays_as_it_is() -> None:
    assert _due(WEEK, "2026-03-03 15:07") == "2026-03-04 15:07"


def test_a_term_that_ends_when_work_begins_is_over_the_evening_before() -> None:
    assert _due(WEEK, "2026-03-03 09:00") == "2026-03-03 18:00"


def test_a_term_without_any_working_moment_is_over_in_an_hour_and_told() -> None:
    assert _due(WEEK, "2026-03-07 11:00") == "2026-03-07 12:00 hurried"
    assert _due(WEEK, "2026-03-06 18:00") == "2026-03-06 19:00 hurried"


def test_a_term_of_less_than_an_hour_is_not_made_longer() -> None:
    now = _at("2026-03-07 11:00")

    assert due_by(WEEK, now, now + timedelta(minutes=20), MOSCOW) == Due(now + timedelta(minutes=20), is_hurried=True)


def test_holidays_are_days_off_and_working_saturdays_are_worked() -> None:
    holidays = ((date(2026, 12, 31), date(2026, 12, 31)), (date(2027, 1, 1), date(2027, 1, 8)))
    calendar = Calendar(WEEK.days, WEEK.start, WEEK.end, holidays, ((date(2026, 2, 14), date(2026, 2, 14)),))

    assert _due(calendar, "2026-12-30 16:00", 240) == "2026-12-30 18:00"
    assert _due(calendar, "2026-02-14 10:00") == "2026-02-14 18:00"
    assert _due(WEEK, "2026-02-14 10:00") == "2026-02-14 11:00 hurried"


def test_days_on_which_the_clocks_are_changed_go_by_the_clocks() -> None:
    berlin, sundays = ZoneInfo("Europe/Berlin"), Calendar(frozenset({6}), time(1), time(8))

    assert _due(sundays, "2026-03-28 20:00", 24, berlin) == "2026-03-29 08:00"
    assert _due(sundays, "2026-03-29 00:30", 2, berlin) == "2026-03-29 03:30"
    assert _due(sundays, "2026-10-25 00:30", 3, berlin) == "2026-10-25 02:30"


#: Hours that begin and end at no minute that the clocks of these zones jump over or pass twice.
HOURS = [(time(9), time(18)), (time(0), time(6)), (time(8, 30), time(17, 15)), (time(9), time(23, 59))]
ZONES = [ZoneInfo(name) for name in ("Europe/Moscow", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC")]
#: Around changes of the clocks, a leap day and the end of a year.
STARTS = [datetime(*day, tzinfo=UTC) for day in ((2026, 3, 28), (2026, 10, 24), (2028, 2, 28), (2026, 12, 30))]
_days = st.dates(date(2026, 3, 20), date(2026, 4, 10)) | st.dates(date(2026, 12, 25), date(2027, 1, 10))
_periods = st.lists(st.tuples(_days, st.integers(0, 4)), max_size=4).map(
    lambda found: tuple((day, day + timedelta(days=more)) for day, more in found)
)


@settings(max_examples=100, deadline=None)
@given(
    days=st.frozensets(st.integers(0, 6)),
    hours=st.sampled_from(HOURS),
    zone=st.sampled_from(ZONES),
    now=st.tuples(st.sampled_from(STARTS), st.integers(-3000, 3000)),
    term=st.integers(1, 4000),
    holidays=_periods,
    working=_periods,
)
def test_the_due_time_is_the_one_that_a_search_minute_by_minute_finds(
    days: frozenset[int],
    hours: tuple[time, time],
    zone: ZoneInfo,
    now: tuple[datetime, int],
    term: int,
    holidays: tuple[tuple[date, date], ...],
    working: tuple[tuple[date, date], ...],
) -> None:
    calendar = Calendar(days, *hours, holidays, working)
    called = now[0] + timedelta(minutes=now[1])
    promised = called + timedelta(minutes=term)

    due = due_by(calendar, called, promised, zone)

    assert called < due.at <= promised
    found = next((moment for moment in _back(promised, called) if _is_worked(calendar, moment, zone)), None)
    assert due == (Due(min(promised, called + timedelta(hours=1)), is_hurried=True) if found is None else Due(found))


def _back(last: datetime, first: datetime) -> list[datetime]:
    return [last - timedelta(minutes=n) for n in range(int((last - first).total_seconds() // 60))]


def _is_worked(calendar: Calendar, moment: datetime, zone: ZoneInfo) -> bool:
    """By the minute that ends at this moment."""
    minute = (moment - timedelta(minutes=1)).astimezone(zone)
    day = minute.date()
    if any(first <= day <= last for first, last in calendar.working):
        is_day = True
    elif any(first <= day <= last for first, last in calendar.holidays):
        is_day = False
    else:
        is_day = day.weekday() in calendar.days
    return is_day and calendar.start <= minute.time() < calendar.end


def test_a_year_of_holidays_is_searched_and_ends() -> None:
    closed = Calendar(frozenset(range(7)), time(9), time(18), ((date(2026, 1, 1), date(2026, 12, 31)),))

    assert _due(closed, "2026-01-02 10:00", 8000) == "2026-01-02 11:00 hurried"
