"""Reminders due by the calendar: planned at the last working moment, told to the admins where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from plugin.ledger.schema import alerts
from tests.plugin.events.support import CALL_TIME, CALLS, HALF, NONE, NOW, Office, at, edited_rules, office_on

#: The tests' call is on a Sunday at 10:15 in Moscow, so that the promise ends on Monday at 10:15.
ALL_WEEK = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "09:00", "to": "18:00"}
MONDAYS_OFF = ALL_WEEK | {"holidays": ["2026-11-23"]}
WORKDAYS_LATE = ALL_WEEK | {"days": ["mon", "tue"], "from": "11:00"}
SUNDAY_EVENING = datetime(2026, 11, 22, 15, tzinfo=UTC)


def _rules(calendar: dict[str, Any], table: str = "reminder") -> Any:
    def edit(content: dict[str, Any]) -> None:
        content["calendar.toml"] = {"calendar": calendar}
        content["survey_opt_out/script.toml"][table]["due"] = "working"

    return edited_rules(edit)


@pytest.fixture
def office(ledger_url: str) -> Iterator[Office]:
    with office_on(ledger_url) as office:
        yield office


def _activate(office: Office, calendar: dict[str, Any], table: str = "reminder") -> None:
    office.rules.activate(_rules(calendar, table), "test", "calendar")


def _dues(office: Office, number: int | None = None) -> set[datetime]:
    return {row["due_at"] for row in office.deliveries(number) if row["role"]}


def _told(office: Office) -> list[str]:
    return [row["cause"] for row in office.rows(alerts)]


def test_a_reminder_is_due_before_the_day_off_on_which_the_promise_ends(office: Office) -> None:
    _activate(office, MONDAYS_OFF)
    office.taken(CALLS)

    assert _dues(office) == {SUNDAY_EVENING}
    assert office.call()["deadline_at"] == CALL_TIME + timedelta(hours=24)
    assert _told(office) == []


def test_its_text_and_its_mail_name_that_time_and_the_comment_does_not(office: Office) -> None:
    _activate(office, MONDAYS_OFF)
    office.taken(CALLS)

    for row in office.deliveries():
        assert ("Исключить до: 22.11.2026 18:00 (МСК)" in row["text"]) == (row["kind"] != "comment")


def test_where_nobody_is_at_work_in_time_it_is_due_in_an_hour_and_the_admins_are_told(office: Office) -> None:
    _activate(office, WORKDAYS_LATE)
    office.taken(CALLS)

    assert _dues(office) == {NOW + timedelta(hours=1)}
    (alert,) = office.rows(alerts)
    assert (alert["kind"], alert["cause"]) == ("no_working_time", f"no_working_time:{office.call()['id']}")
    assert alert["about"]["due"] == (NOW + timedelta(hours=1)).isoformat()
    assert "phone" not in alert["about"]


def test_a_call_without_reminders_tells_nobody(office: Office) -> None:
    _activate(office, WORKDAYS_LATE)
    office.taken(NONE)

    assert _told(office) == []


def test_a_call_that_comes_in_after_the_last_working_moment_is_due_in_an_hour(office: Office) -> None:
    _activate(office, MONDAYS_OFF)
    office.clock.pass_(hours=9)
    office.taken(CALLS)

    assert _dues(office) == {NOW + timedelta(hours=10)}
    assert len(_told(office)) == 1


def test_a_call_that_comes_in_after_its_deadline_is_due_in_an_hour_as_ever(office: Office) -> None:
    _activate(office, ALL_WEEK)
    office.clock.pass_(hours=25)
    office.taken(CALLS)

    assert _dues(office) == {NOW + timedelta(hours=26)}
    assert _told(office) == []


def test_a_correction_is_due_by_the_calendar_of_when_it_comes_in(office: Office) -> None:
    _activate(office, MONDAYS_OFF)
    office.taken(CALLS)
    office.deliver()
    office.clock.pass_(hours=9)
    office.taken({"related_to_car": True, "survey_type": "all", "agreed_to_warning": "yes"}, occurred_at=at(1))

    reminders = {row["due_at"] for row in office.deliveries(2) if row["kind"] == "reminder"}
    assert reminders == {NOW + timedelta(hours=10)}
    assert len(_told(office)) == 1


def test_a_source_on_trial_tells_nobody(office: Office) -> None:
    _activate(office, WORKDAYS_LATE)
    sources = tuple(replace(source, dry_run=True) for source in office.settings.sources)
    office.with_settings(sources=sources).taken(CALLS)

    assert _told(office) == []


def test_the_reminder_of_an_unfinished_call_goes_by_the_calendar_where_it_is_told_to(office: Office) -> None:
    _activate(office, MONDAYS_OFF, "unfinished")
    office.taken(HALF, final=True)

    assert _dues(office) == {SUNDAY_EVENING}
    (reminder,) = [row for row in office.deliveries() if row["kind"] == "reminder"]
    assert "Исключить до: 22.11.2026 18:00" in reminder["text"]


def test_without_a_due_time_of_its_own_the_calendar_changes_nothing(office: Office) -> None:
    office.rules.activate(
        edited_rules(lambda content: content.update({"calendar.toml": {"calendar": MONDAYS_OFF}})), "test", "calendar"
    )
    office.taken(CALLS)

    assert _dues(office) == {CALL_TIME + timedelta(hours=24)}
