"""What raises an alert, once, and what ends it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete
from structlog.testing import capture_logs

from plugin.config.settings import Source
from plugin.ledger.schema import deliveries
from tests.plugin.delivery.fake_crm import START
from tests.plugin.monitoring.office import Office

HOUR = timedelta(hours=1)


# --- nothing to tell ---------------------------------------------------------------------------------


def test_a_ledger_in_which_all_is_well_raises_nothing_and_takes_no_writers_turn(office: Office) -> None:
    office.waiting(START + 20 * HOUR)
    office.done(office.waiting(START - HOUR))
    office.account("crm", None)
    office.ledger.broken = True
    office.look()
    assert office.alerts() == []


def test_what_stands_takes_no_writers_turn_either_until_it_changes(office: Office) -> None:
    office.parked()
    office.look()
    office.ledger.broken = True
    office.look(5)
    assert len(office.standing()) == 1


# --- parked ------------------------------------------------------------------------------------------


def test_a_parked_delivery_stands_until_it_is_dealt_with(office: Office) -> None:
    delivery = office.parked()
    office.look()
    office.look(1)
    [alert] = office.alerts()
    assert (alert.cause, alert.opened_at, alert.closed_at) == (f"delivery_parked:{delivery}", START, None)
    assert alert.about["delivery"] == delivery
    assert alert.about["reason"] == "no such user"
    office.house.change(delivery, state="pending")
    office.look(1)
    assert office.alerts()[0].closed_at == office.clock()


def test_one_that_is_parked_again_is_a_new_cause(office: Office) -> None:
    delivery = office.parked()
    for state in ("pending", "parked"):
        office.look(1)
        office.house.change(delivery, state=state)
    office.look(1)
    assert [row.closed_at is None for row in office.alerts()] == [False, True]


def test_one_whose_row_was_removed_is_over(office: Office) -> None:
    delivery = office.parked()
    office.look()
    with office.ledger.write() as connection:
        connection.execute(delete(deliveries).where(deliveries.c.id == delivery))
    office.look(1)
    assert office.standing() == []


def test_no_phone_number_stands_in_an_alert(office: Office) -> None:
    office.parked("the CRM said: duplicate of +79161234567")
    office.look()
    assert "79161234567" not in str(office.alerts()[0].about)
    assert "79161234567" not in office.mailer.mails[0][2]


# --- promises ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "state", "causes"),
    [
        (5 * HOUR, "waiting", []),
        (3 * HOUR, "waiting", ["promise_at_risk"]),
        (3 * HOUR, "pending", ["promise_at_risk"]),
        (3 * HOUR, "unknown", ["promise_at_risk"]),
        (3 * HOUR, "done", []),
        (3 * HOUR, "cancelled", []),
        (3 * HOUR, "parked", ["delivery_parked", "promise_at_risk"]),
        (timedelta(0), "waiting", ["promise_broken"]),
        (-3 * HOUR, "parked", ["delivery_parked", "promise_broken"]),
    ],
)
def test_promises_by_the_time_left_and_how_far_they_are(
    office: Office, left: timedelta, state: str, causes: list[str]
) -> None:
    office.waiting(START + left, state=state)
    office.look()
    assert sorted(cause.split(":")[0] for cause in office.standing()) == causes


@pytest.mark.parametrize("kind", ["smtp_email", "reminder", "comment", "crm_email", "withdrawal"])
def test_every_kind_of_delivery_is_part_of_the_promise(office: Office, kind: str) -> None:
    office.waiting(START + HOUR, kind=kind)
    office.look()
    assert len(office.standing()) == 1


def test_several_deliveries_of_one_call_are_one_cause_that_names_them(office: Office) -> None:
    decision = office.house.decision(deadline=START + HOUR)
    rows = {"state": "waiting", "created_at": START - HOUR}
    ids = [office.house.delivery(decision, kind, **rows) for kind in ("comment", "reminder", "smtp_email")]
    office.look()
    [alert] = office.alerts()
    assert alert.about["deliveries"] == ids


def test_a_promise_at_risk_that_is_kept_is_over_and_one_that_is_broken_is_another_cause(office: Office) -> None:
    kept, broken = office.waiting(START + HOUR), office.waiting(START + HOUR)
    office.look()
    office.done(kept)
    office.look(61)
    office.done(broken)
    office.look(1)
    kinds = [(row.kind, row.closed_at is not None) for row in office.alerts()]
    assert kinds == [("promise_at_risk", True), ("promise_at_risk", True), ("promise_broken", True)]
    # Nobody is told «kept after all» of the one that was broken.
    kept_mails = [mail for mail in office.mailer.mails if "всё же выполнены" in mail[1]]
    assert len(kept_mails) == 1
    assert "c-" in kept_mails[0][2]
    assert kept_mails[0][2].count("звонок №") == 1


def test_what_has_just_been_planned_is_no_cause_however_near_the_deadline(office: Office) -> None:
    office.waiting(START + HOUR, created_at=START - timedelta(minutes=5))
    # Reported after its deadline, due in an hour.
    office.waiting(START - HOUR, created_at=START - timedelta(minutes=5))
    office.look()
    assert office.standing() == []
    office.look(60)
    assert len(office.standing()) == 2


# --- accounts ----------------------------------------------------------------------------------------


def test_an_account_that_is_away_for_long_stands_until_it_is_back(office: Office) -> None:
    office.account("second", START - timedelta(minutes=14))
    office.account("first", START - timedelta(minutes=16))
    office.look()
    assert office.standing() == ["account_away:first"]
    office.look(2)
    assert office.standing() == ["account_away:first", "account_away:second"]
    office.account("second", None)
    office.look(1)
    assert office.standing() == ["account_away:first"]


# --- rules -------------------------------------------------------------------------------------------


def test_rules_that_this_process_does_not_follow_are_told_when_it_still_does_not(office: Office) -> None:
    office.activated("a" * 64)
    office.look()
    office.activated("b" * 64)
    office.look(1)
    assert office.standing() == []
    office.look(1)
    assert office.standing() == [f"rules_not_followed:host:{'b' * 64}"]
    office.active = "b" * 64
    office.look(1)
    assert office.standing() == []


def test_what_one_machine_cannot_follow_another_does_not_declare_over(office: Office) -> None:
    office.activated("b" * 64)
    office.look(host="old")
    office.look(host="old")
    office.active = "b" * 64
    office.look(host="new")
    assert len(office.standing()) == 1
    office.activated("c" * 64)
    office.active = "c" * 64
    office.look(host="new")
    assert office.standing() == []


# --- sources -----------------------------------------------------------------------------------------


def moscow(day: int, hour: int, minute: int = 0) -> datetime:
    """November 2026 by Moscow's clocks: the 23rd is a Monday."""
    return datetime(2026, 11, day, hour - 3, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "now", "silent"),
    [
        (moscow(23, 10), moscow(23, 13, 59), False),
        (moscow(23, 10), moscow(23, 14), True),
        # The night does not count, nor does the weekend.
        (moscow(23, 17), moscow(24, 11, 59), False),
        (moscow(23, 17), moscow(24, 12), True),
        (moscow(20, 17), moscow(23, 11, 59), False),
        (moscow(20, 17), moscow(23, 12), True),
    ],
)
def test_a_source_is_silent_after_so_many_working_hours(
    office: Office, last: datetime, now: datetime, silent: bool
) -> None:
    office.sources = (Source("pbx", (), "pbx", 4.0), Source("other", (), "other"))
    office.event("pbx", last - HOUR)
    office.event("pbx", last)
    office.event("other", last - 100 * HOUR)
    office.clock.true = now
    office.look()
    assert office.standing() == (["source_silent:pbx"] if silent else [])


def test_a_source_is_heard_again(office: Office) -> None:
    office.sources = (Source("pbx", (), "pbx", 4.0),)
    office.event("pbx", START - 100 * HOUR)
    office.look()
    office.event("pbx", START)
    office.look(1)
    assert office.standing() == []


def test_a_source_that_never_sent_anything_counts_from_the_first_rules(office: Office) -> None:
    office.sources = (Source("pbx", (), "pbx", 4.0),)
    office.look()
    assert office.standing() == []
    office.clock.true = START - 100 * HOUR
    office.activated("a" * 64)
    office.clock.true = START
    office.look(1)
    assert office.standing() == ["source_silent:pbx"]
    assert office.alerts()[0].about["last"] is None


def test_a_source_that_is_no_longer_configured_is_over(office: Office) -> None:
    office.sources = (Source("pbx", (), "pbx", 4.0),)
    office.event("pbx", START - 100 * HOUR)
    office.look()
    office.sources = ()
    office.look(1, host="restarted")
    assert office.standing() == []


# --- accounts that were shut -------------------------------------------------------------------------


def test_an_account_that_was_shut_is_told_at_once_though_it_had_been_away_before(office: Office) -> None:
    office.policy = replace(office.policy, gather_minutes=15)
    office.account("crm", START - timedelta(minutes=20))
    office.look()
    assert office.standing() == ["account_away:crm"]
    office.account("crm", START - timedelta(minutes=20), blocked=True)
    office.look(1)
    assert office.standing() == ["account_away:crm", "account_away:crm:blocked"]
    away, shut = office.mailer.mails
    assert "не отвечает" in away[2]
    assert "доступ заблокирован" in shut[2]
    assert "optout deliveries retry" in shut[2]
    office.account("crm", None)
    office.look(20)
    assert office.standing() == []
    assert office.subjects[-1] == "[optout] Связь восстановлена: 2"


def test_a_process_that_learns_that_an_account_was_shut_looks_at_once(office: Office) -> None:
    watch = office.watch()
    watch.run()
    assert not watch.is_due()
    office.account("fake", START, blocked=True)
    watch._gates.refresh()
    assert watch.is_due()
    watch.run()
    assert office.standing() == ["account_away:fake:blocked"]
    assert not watch.is_due()


# --- many, and the log -------------------------------------------------------------------------------


def test_each_cause_is_logged_once_and_its_end_once(office: Office) -> None:
    delivery = office.parked()
    with capture_logs() as logs:
        for _ in range(3):
            office.look(1)
        office.done(delivery)
        for _ in range(3):
            office.look(1)
    told = [
        (entry["event"], entry["log_level"]) for entry in logs if entry["event"] in ("alert.opened", "alert.closed")
    ]
    assert told == [("alert.opened", "warning"), ("alert.closed", "info")]


def test_a_fault_of_the_watch_is_logged_once_and_it_goes_on(office: Office) -> None:
    watch, read = office.watch(), office.ledger.read

    def broken() -> None:
        raise ZeroDivisionError

    office.ledger.read = broken  # type: ignore[method-assign, assignment]
    with capture_logs() as logs:
        watch.run()
        watch.run()
    assert [entry["event"] for entry in logs] == ["alerts.fault"]
    office.ledger.read = read  # type: ignore[method-assign]
    office.parked()
    watch.run()
    assert len(office.standing()) == 1


def test_a_clock_that_was_set_back_does_not_put_off_the_next_look(office: Office) -> None:
    watch = office.watch()
    watch.run()
    assert not watch.is_due()
    office.clock.set_back(3600)
    assert watch.is_due()
