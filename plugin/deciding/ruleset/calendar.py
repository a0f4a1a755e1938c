"""Working days and hours: until when something is to be done so that somebody is at work to do it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from marshmallow import ValidationError

from plugin.common.fields import messages_by_field
from plugin.common.toml.source import Place
from plugin.deciding.ruleset.faults import Faults
from plugin.deciding.ruleset.schema import CALENDAR_FILE, CALENDAR_TABLE, WEEKDAYS, CalendarFileForm

Period = tuple[date, date]

#: A longer holiday is a year that was mistyped.
_LONGEST_HOLIDAY = timedelta(days=366)
#: What nobody is at work for in time is due so soon.
_HURRIED_TERM = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """When people are at work, by the deployment's clocks. ``days`` by ``date.weekday()``.

    ``holidays`` are days off and ``working`` days are worked, whatever the day of the week; first and last days.
    """

    days: frozenset[int]
    start: time
    end: time
    holidays: tuple[Period, ...] = ()
    working: tuple[Period, ...] = ()

    def is_working(self, day: date) -> bool:
        """Whether people are at work on this day."""
        if _within(day, self.working):
            return True
        return day.weekday() in self.days and not _within(day, self.holidays)

    def last_working(self, after: datetime, limit: datetime, zone: ZoneInfo) -> datetime | None:
        """The last working moment later than ``after`` and not later than ``limit``; None: there is none.

        A moment counts if work has gone on just before it: the end of a working day does, its beginning does not.
        """
        day, first = limit.astimezone(zone).date(), after.astimezone(zone).date()
        while day >= first:
            if self.is_working(day):
                start = datetime.combine(day, self.start, zone).astimezone(UTC)
                # Of an hour that the clocks pass twice, the second time.
                end = datetime.combine(day, self.end.replace(fold=1), zone).astimezone(UTC)
                if (last := min(end, limit)) > max(start, after):
                    return last
            day -= timedelta(days=1)
        return None


class Due(NamedTuple):
    """A due time. ``is_hurried``: the calendar left no working moment for it."""

    at: datetime
    is_hurried: bool = False


def due_by(calendar: Calendar | None, now: datetime, promised: datetime, zone: ZoneInfo) -> Due:
    """When something is due that is promised until ``promised``: at the last working moment between now and then.

    Never later than promised. Where nobody is at work any more in time, it is due in an hour. Without a calendar it is
    due when it is promised.
    """
    if calendar is None:
        return Due(promised)
    last = calendar.last_working(now, promised, zone)
    return Due(last) if last is not None else Due(min(promised, now + _HURRIED_TERM), is_hurried=True)


def common_calendar(content: Mapping[str, Any], faults: Faults) -> Calendar | None:
    """The calendar of all scripts, of ``calendar.toml``, where there is one; what is wrong is noted."""
    if CALENDAR_FILE not in content:
        return None
    try:
        form = CalendarFileForm().load(content[CALENDAR_FILE])[CALENDAR_TABLE]
    except ValidationError as error:
        faults.add_form(CALENDAR_FILE, messages_by_field(error))
        return None
    return calendar_of(form, CALENDAR_FILE, faults)


def calendar_of(form: Mapping[str, Any], file: str, faults: Faults) -> Calendar:
    """The calendar of a [calendar] table; what is wrong is noted."""
    place: Place = (CALENDAR_TABLE,)
    if form["to"] <= form["from_"]:
        what = f"рабочий день с {form['from_']:%H:%M} до {form['to']:%H:%M}"
        faults.add(file, (*place, "to"), what, "конец должен быть позже начала, в тот же день")
    if not form["days"] and not form["working"]:
        faults.add(file, (*place, "days"), "нет ни одного рабочего дня", 'перечислите их: ["mon", "tue"]')
    for first, last in form["holidays"]:
        if last - first > _LONGEST_HOLIDAY:
            what = f"праздник с {first} по {last} длиннее года"
            faults.add(file, (*place, "holidays"), what, "проверьте годы")
        both = next((one for one in form["working"] if one[0] <= last and first <= one[1]), None)
        if both is not None:
            what = f"{max(first, both[0])} — и праздник, и рабочий день"
            faults.add(file, (*place, "working"), what, "оставьте в holidays или в working")
    days = frozenset(WEEKDAYS.index(day) for day in form["days"])
    return Calendar(days, form["from_"], form["to"], tuple(form["holidays"]), tuple(form["working"]))


def check_due(calendar: Calendar | None, form: Mapping[str, Any], file: str, place: Place, faults: Faults) -> None:
    """Note that something is due by a calendar that there is not."""
    if form.get("due") == "working" and calendar is None:
        hint = "задайте [calendar] в script.toml или, для всех скриптов, в calendar.toml"
        faults.add(file, (*place, "due"), 'due = "working", а календаря нет', hint)


def _within(day: date, periods: tuple[Period, ...]) -> bool:
    return any(first <= day <= last for first, last in periods)
