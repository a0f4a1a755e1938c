"""What state a promise is in, and the pace at which its reminders are looked at."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from plugin.promise.promise_state import PATIENCE, ReminderStanding, next_look, standing_of

CALLED = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)
DEADLINE = CALLED + timedelta(hours=24)
UNWRITTEN = ReminderStanding("waiting")
VOID = ReminderStanding("cancelled")


def hours(number: float) -> datetime:
    return CALLED + timedelta(hours=number)


def open_(looked: float | None = None) -> ReminderStanding:
    return ReminderStanding("done", "open", looked_at=None if looked is None else hours(looked))


def done(at: float) -> ReminderStanding:
    return ReminderStanding("done", "done", done_at=hours(at))


@pytest.mark.parametrize(
    ("reminders", "now", "undelivered", "state", "ended"),
    [
        ([], 1, False, "withdrawn", 1),
        ([VOID, VOID], 1, False, "withdrawn", 1),
        ([UNWRITTEN], 1, True, "open", None),
        ([open_(), UNWRITTEN], 1, True, "open", None),
        ([open_()], 1, True, "open", None),
        ([open_(), VOID], 1, False, "written", None),
        ([done(2), open_(3)], 3, False, "written", None),
        ([done(2), done(5)], 6, False, "kept", 5),
        ([done(2), VOID], 6, True, "kept", 2),
        ([done(24)], 30, False, "kept", 24),
        ([done(2), done(25)], 26, False, "late", 25),
        # Not known yet: the CRM was not asked since the deadline.
        ([open_(23.9)], 24.1, False, "written", None),
        ([open_(24)], 24.1, False, "broken", 24),
        ([open_(23.9)], 24.25, False, "broken", 24),
        ([UNWRITTEN], 24, True, "broken", 24),
        ([open_(23.9), UNWRITTEN], 24, True, "broken", 24),
        # Heard of only afterwards, since the CRM was away: it was in time all the same.
        ([done(23)], 40, False, "kept", 23),
    ],
)
def test_the_state_follows_from_deliveries_and_reminders(
    reminders: list[ReminderStanding], now: float, undelivered: bool, state: str, ended: float | None
) -> None:
    found = standing_of(reminders, DEADLINE, DEADLINE, hours(now), undelivered=undelivered)

    assert (found.state, found.ended_at) == (state, None if ended is None else hours(ended))
    assert found.is_written is not undelivered


def test_what_was_reported_late_has_its_hour_and_is_late_all_the_same() -> None:
    due_by = hours(31)

    assert standing_of([open_(30.5)], DEADLINE, due_by, hours(30.5), undelivered=False).state == "written"
    assert standing_of([open_(31)], DEADLINE, due_by, hours(31), undelivered=False).state == "broken"
    assert standing_of([done(30.5)], DEADLINE, due_by, hours(31), undelivered=False).state == "late"


def test_in_the_last_hour_no_look_is_further_away_than_a_quarter_of_an_hour() -> None:
    now = CALLED
    looks = [now]
    while (then := next_look(DEADLINE, now)) is not None and then < DEADLINE + timedelta(days=40):
        now = then
        looks.append(now)
    gaps = [later - earlier for earlier, later in itertools.pairwise(looks) if hours(23) <= earlier < hours(25)]

    assert max(gaps) <= PATIENCE
    assert {hours(18), hours(23), hours(24)} <= set(looks)
    assert len([look for look in looks if look < hours(23)]) <= 40
    assert looks[-1] < DEADLINE + timedelta(days=32)
