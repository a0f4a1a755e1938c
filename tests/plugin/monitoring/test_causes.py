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
from tests.plugin.monitoring.watched import Watched

HOUR = timedelta(hours=1)


# --- nothing to tell ---------------------------------------------------------------------------------


def test_a_ledger_in_which_all_is_well_raises_nothing_and_takes_no_writers_turn(watched: Watched) -> None:
    watched.waiting(START + 20 * HOUR)
    watched.done(watched.waiting(START - HOUR))
    watched.account("crm", None)
    watched.ledger.broken = True
    watched.look()
    assert watched.alerts() == []


def test_what_stands_takes_no_writers_turn_either_until_it_changes(watched: Watched) -> None:
    watched.parked()
    watched.look()
    watched.ledger.broken = True
    watched.look(5)
    assert len(watched.standing()) == 1


# --- parked ------------------------------------------------------------------------------------------


def test_a_parked_delivery_stands_until_it_is_dealt_with(watched: Watched) -> None:
    delivery = watched.parked()
    watched.look()
    watched.look(1)
    [alert] = watched.alerts()
    assert (alert.cause, alert.opened_at, alert.closed_at) == (f"delivery_parked:{delivery}", START, None)
    assert alert.about["delivery"] == delivery
    assert alert.about["reason"] == "no such user"
    watched.house.change(delivery, state="pending")
    watched.look(1)
    assert watched.alerts()[0].closed_at == watched.clock()


# --- the settings ------------------------------------------------------------------------------------


def test_what_the_settings_lack_is_told_once_however_many_wait_for_it_and_once_when_none_does(watched: Watched) -> None:
    why = "it cannot be written: the template subject: no such filter; mend the description in plugin.toml"
    first, *others = [watched.waiting(START + 20 * HOUR, why=why, mend=why) for _ in range(3)]
    other = watched.waiting(START + 20 * HOUR, mend="role 'coordinator' has no crm_user in roles.toml")
    watched.waiting(START + 20 * HOUR, why="no connection")
    for minutes in (0, 1, 1):
        watched.look(minutes)
    [(_, subject, text, _)] = watched.mailer.mails
    assert subject == "[optout] Доставки ждут исправления настроек: 2"
    assert "записать нельзя: шаблон subject: no such filter; исправьте описание в plugin.toml" in text
    assert f"ждут доставки: 3, первая № {first}" in text
    assert "нет crm_user" in text
    for delivery in (first, *others):
        watched.house.change(delivery, state="done", mend=None)
    watched.look(1)
    assert [cause.rpartition(":")[0] for cause in watched.standing()] == ["settings_at_fault"]
    watched.house.change(other, state="cancelled")
    watched.look(1)
    assert watched.standing() == []
    assert "[optout] Доставки больше не ждут исправления настроек" in {mail[1] for mail in watched.mailer.mails}


def test_one_that_is_parked_again_is_a_new_cause(watched: Watched) -> None:
    delivery = watched.parked()
    for state in ("pending", "parked"):
        watched.look(1)
        watched.house.change(delivery, state=state)
    watched.look(1)
    assert [row.closed_at is None for row in watched.alerts()] == [False, True]


def test_one_whose_row_was_removed_is_over(watched: Watched) -> None:
    delivery = watched.parked()
    watched.look()
    with watched.ledger.write() as connection:
        connection.execute(delete(deliveries).where(deliveries.c.id == delivery))
    watched.look(1)
    assert watched.standing() == []


def test_no_phone_number_stands_in_an_alert(watched: Watched) -> None:
    watched.parked("the CRM said: duplicate of +79161234567")
    watched.look()
    assert "79161234567" not in str(watched.alerts()[0].about)
    assert "79161234567" not in watched.mailer.mails[0][2]


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
    watched: Watched, left: timedelta, state: str, causes: list[str]
) -> None:
    watched.waiting(START + left, state=state)
    watched.look()
    assert sorted(cause.split(":")[0] for cause in watched.standing()) == causes


@pytest.mark.parametrize("kind", ["smtp_email", "reminder", "comment", "crm_email", "withdrawal"])
def test_every_kind_of_delivery_is_part_of_the_promise(watched: Watched, kind: str) -> None:
    watched.waiting(START + HOUR, kind=kind)
    watched.look()
    assert len(watched.standing()) == 1


def test_several_deliveries_of_one_call_are_one_cause_that_names_them(watched: Watched) -> None:
    decision = watched.house.decision(deadline=START + HOUR)
    rows = {"state": "waiting", "created_at": START - HOUR}
    ids = [watched.house.delivery(decision, kind, **rows) for kind in ("comment", "reminder", "smtp_email")]
    watched.look()
    [alert] = watched.alerts()
    assert alert.about["deliveries"] == ids


def test_a_promise_at_risk_that_is_kept_is_over_and_one_that_is_broken_is_another_cause(watched: Watched) -> None:
    kept, broken = watched.waiting(START + HOUR), watched.waiting(START + HOUR)
    watched.look()
    watched.done(kept)
    watched.look(61)
    watched.done(broken)
    watched.look(1)
    kinds = [(row.kind, row.closed_at is not None) for row in watched.alerts()]
    assert kinds == [("promise_at_risk", True), ("promise_at_risk", True), ("promise_broken", True)]
    # Nobody is told «kept after all» of the one that was broken.
    kept_mails = [mail for mail in watched.mailer.mails if "всё же выполнены" in mail[1]]
    assert len(kept_mails) == 1
    assert "c-" in kept_mails[0][2]
    assert kept_mails[0][2].count("звонок №") == 1


def test_what_has_just_been_planned_is_no_cause_however_near_the_deadline(watched: Watched) -> None:
    watched.waiting(START + HOUR, created_at=START - timedelta(minutes=5))
    # Reported after its deadline, due in an hour.
    watched.waiting(START - HOUR, created_at=START - timedelta(minutes=5))
    watched.look()
    assert watched.standing() == []
    watched.look(60)
    assert len(watched.standing()) == 2


# --- accounts ----------------------------------------------------------------------------------------


def test_an_account_that_is_away_for_long_stands_until_it_is_back(watched: Watched) -> None:
    watched.account("second", START - timedelta(minutes=14))
    watched.account("first", START - timedelta(minutes=16))
    watched.look()
    assert watched.standing() == ["account_away:first"]
    watched.look(2)
    assert watched.standing() == ["account_away:first", "account_away:second"]
    watched.account("second", None)
    watched.look(1)
    assert watched.standing() == ["account_away:first"]


# --- rules -------------------------------------------------------------------------------------------


def test_rules_that_this_process_does_not_follow_are_told_when_it_still_does_not(watched: Watched) -> None:
    watched.activated("a" * 64)
    watched.look()
    watched.activated("b" * 64)
    watched.look(1)
    assert watched.standing() == []
    watched.look(1)
    assert watched.standing() == [f"rules_not_followed:host:{'b' * 64}"]
    watched.active = "b" * 64
    watched.look(1)
    assert watched.standing() == []


def test_what_one_machine_cannot_follow_another_does_not_declare_over(watched: Watched) -> None:
    watched.activated("b" * 64)
    watched.look(host="old")
    watched.look(host="old")
    watched.active = "b" * 64
    watched.look(host="new")
    assert len(watched.standing()) == 1
    watched.activated("c" * 64)
    watched.active = "c" * 64
    watched.look(host="new")
    assert watched.standing() == []


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
    watched: Watched, last: datetime, now: datetime, silent: bool
) -> None:
    watched.sources = (Source("pbx", (), "pbx", 4.0), Source("other", (), "other"))
    watched.event("pbx", last - HOUR)
    watched.event("pbx", last)
    watched.event("other", last - 100 * HOUR)
    watched.clock.true = now
    watched.look()
    assert watched.standing() == (["source_silent:pbx"] if silent else [])


def test_a_source_is_heard_again(watched: Watched) -> None:
    watched.sources = (Source("pbx", (), "pbx", 4.0),)
    watched.event("pbx", START - 100 * HOUR)
    watched.look()
    watched.event("pbx", START)
    watched.look(1)
    assert watched.standing() == []


def test_a_source_that_never_sent_anything_counts_from_the_first_rules(watched: Watched) -> None:
    watched.sources = (Source("pbx", (), "pbx", 4.0),)
    watched.look()
    assert watched.standing() == []
    watched.clock.true = START - 100 * HOUR
    watched.activated("a" * 64)
    watched.clock.true = START
    watched.look(1)
    assert watched.standing() == ["source_silent:pbx"]
    assert watched.alerts()[0].about["last"] is None


def test_a_source_that_is_no_longer_configured_is_over(watched: Watched) -> None:
    watched.sources = (Source("pbx", (), "pbx", 4.0),)
    watched.event("pbx", START - 100 * HOUR)
    watched.look()
    watched.sources = ()
    watched.look(1, host="restarted")
    assert watched.standing() == []


# --- accounts that were shut -------------------------------------------------------------------------


def test_an_account_that_was_shut_is_told_at_once_though_it_had_been_away_before(watched: Watched) -> None:
    watched.policy = replace(watched.policy, gather_minutes=15)
    watched.account("crm", START - timedelta(minutes=20))
    watched.look()
    assert watched.standing() == ["account_away:crm"]
    watched.account("crm", START - timedelta(minutes=20), blocked=True)
    watched.look(1)
    assert watched.standing() == ["account_away:crm", "account_away:crm:blocked"]
    away, shut = watched.mailer.mails
    assert "не отвечает" in away[2]
    assert "доступ заблокирован" in shut[2]
    assert "optout deliveries retry" in shut[2]
    watched.account("crm", None)
    watched.look(20)
    assert watched.standing() == []
    assert watched.subjects[-1] == "[optout] Связь восстановлена: 2"


def test_a_process_that_learns_that_an_account_was_shut_looks_at_once(watched: Watched) -> None:
    watch = watched.watch()
    watch.run()
    assert not watch.is_due()
    watched.account("fake", START, blocked=True)
    watch._gates.refresh()
    assert watch.is_due()
    watch.run()
    assert watched.standing() == ["account_away:fake:blocked"]
    assert not watch.is_due()


# --- many, and the log -------------------------------------------------------------------------------


def test_each_cause_is_logged_once_and_its_end_once(watched: Watched) -> None:
    delivery = watched.parked()
    with capture_logs() as logs:
        for _ in range(3):
            watched.look(1)
        watched.done(delivery)
        for _ in range(3):
            watched.look(1)
    told = [
        (entry["event"], entry["log_level"]) for entry in logs if entry["event"] in ("alert.opened", "alert.closed")
    ]
    assert told == [("alert.opened", "warning"), ("alert.closed", "info")]


def test_a_fault_of_the_watch_is_logged_once_and_it_goes_on(watched: Watched) -> None:
    watch, read = watched.watch(), watched.ledger.read

    def broken() -> None:
        raise ZeroDivisionError

    watched.ledger.read = broken  # type: ignore[method-assign, assignment]
    with capture_logs() as logs:
        watch.run()
        watch.run()
    assert [entry["event"] for entry in logs] == ["alerts.fault"]
    watched.ledger.read = read  # type: ignore[method-assign]
    watched.parked()
    watch.run()
    assert len(watched.standing()) == 1


def test_a_clock_that_was_set_back_does_not_put_off_the_next_look(watched: Watched) -> None:
    watch = watched.watch()
    watch.run()
    assert not watch.is_due()
    watched.clock.set_back(3600)
    assert watch.is_due()
