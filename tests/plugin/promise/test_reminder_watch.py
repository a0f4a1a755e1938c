"""Reminders are watched: done ones noticed in time, and what was deleted, given away or put off told once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.base import Card, CardRef, Limits
from plugin.ledger.promises import promises
from plugin.ledger.schema import alerts
from plugin.monitoring.changes import changes
from plugin.monitoring.definitions import DEFINITIONS
from plugin.monitoring.model import AlertKind, AlertLook
from plugin.monitoring.record import close_alerts, open_alerts
from plugin.promise.reminder_watch import SHARE, ReminderWatch, watch_limits
from plugin.resilience.quota import SharedQuota
from tests.plugin.delivery.fake_crm import Killed
from tests.plugin.events.support import CALLS, NONE, SETTINGS, Office, at
from tests.plugin.promise.watched_crm import Watched, WatchedCrm

HOUR = timedelta(hours=1)


def watched(office: Office, calls: int = 1) -> Watched:
    """So many calls whose reminders are in the CRM and were looked at once."""
    made = Watched(office)
    made.connector.crm.contacts.append(Card(CardRef("contact", "42"), "Анна Карточкина"))
    for number in range(calls):
        office.taken(CALLS, call={"id": f"c-{number}"})
    made.deliver()
    made.look()
    assert made.states() == ["written"] * calls
    return made


def told(office: Office) -> list[str]:
    """What the admins are told of changed reminders from now on: each change once."""
    with office.ledger.write(alone=True) as connection:
        found = changes(AlertLook(connection, office.clock(), SETTINGS, "host", None))
        mine = [one for one in found.new if one.kind is AlertKind.REMINDER_CHANGED]
        close_alerts(connection, found.over, office.clock())
        open_alerts(connection, mine, office.clock())
    line = DEFINITIONS[AlertKind.REMINDER_CHANGED].line
    return [line(one.about, SETTINGS.timezone).partition(": ")[2].split(maxsplit=3)[3] for one in mine]


# --- when nobody is asked ---------------------------------------------------------------------------


def test_while_the_account_is_away_nobody_is_asked(office: Office) -> None:
    made = watched(office)
    made.connector.away = True
    made.pass_(3 * HOUR)
    during = len(made.connector.looks)
    made.pass_(3 * HOUR)
    assert len(made.connector.looks) == during
    assert made.states() == ["written"]


def test_what_a_correction_took_back_is_not_asked_for(office: Office) -> None:
    made = watched(office)
    office.taken(NONE, call={"id": "c-0"}, occurred_at=at(3))
    made.connector.looks.clear()
    made.pass_(2 * HOUR)
    assert made.connector.looks == []
    assert made.states() == ["withdrawn"]


def test_looking_takes_a_twentieth_of_the_quota_for_all_processes_together(office: Office) -> None:
    limits = Limits(requests_per_second=2, burst=50)
    spent = [0.0]

    def quota() -> SharedQuota:
        return SharedQuota(
            office.ledger,
            "fake.watch",
            watch_limits(limits),
            office.clock,
            clock=lambda: spent[0],
            sleep=lambda _: None,
        )

    both, turns = [quota(), quota()], 0
    for second in range(600):
        spent[0] = float(second)
        office.clock.pass_(seconds=1)
        turns += sum(one.acquire(0.0) == 0.0 for one in both)
    assert turns <= 600 * limits.requests_per_second / SHARE + 1
    assert turns >= 600 * limits.requests_per_second / SHARE * 0.8


def test_without_a_turn_nothing_is_looked_at_and_the_next_one_is_waited_for(office: Office) -> None:
    class Later:
        def acquire(self, longest: float) -> float:
            return 7.0

    made = watched(office)
    made.connector.looks.clear()
    office.clock.pass_(hours=2)
    waiting = ReminderWatch(office.ledger, made.connector, made.gates, office.clock, "host:9", quota=Later())
    assert waiting.step() == 7.0
    assert made.connector.looks == []


# --- what is noticed --------------------------------------------------------------------------------


def test_a_reminder_that_is_done_keeps_its_promise_by_whom_and_when(office: Office) -> None:
    made = watched(office)
    office.clock.pass_(hours=2)
    made.connector.finish(made.remote(), by="u9")
    at_ = office.clock()
    made.pass_(2 * HOUR)
    assert made.states() == ["kept"]
    (row,) = made.rows()
    assert (row.done_by, row.done_at, row.done_through, row.next_look_at) == ("u9", at_, "crm", None)


def test_a_crm_that_does_not_tell_when_gives_the_moment_of_the_look(office: Office) -> None:
    made = watched(office)
    made.connector.tells = False
    office.clock.pass_(hours=23.5)
    made.connector.finish(made.remote())
    made.pass_(timedelta(minutes=15))
    (row,) = made.rows()
    assert (row.done_by, row.done_at) == (None, row.looked_at)
    assert made.states() == ["kept"]


@pytest.mark.parametrize("minutes", [0, 7, 14, 29, 44, 59])
def test_in_the_last_hour_it_is_noticed_within_a_quarter_of_an_hour(office: Office, minutes: int) -> None:
    made = watched(office, calls=4)
    deadline = office.rows(promises)[0]["due_by"]
    made.pass_(deadline - HOUR + timedelta(minutes=minutes) - office.clock(), every=timedelta(minutes=5))
    made.connector.finish(made.remote(2))
    made.pass_(timedelta(minutes=15))
    assert made.states().count("kept") == 1


def test_what_was_done_while_the_crm_was_away_counts_by_its_own_time(office: Office) -> None:
    made = watched(office)
    office.clock.pass_(hours=20)
    made.connector.finish(made.remote())
    made.connector.away = True
    made.pass_(6 * HOUR, every=timedelta(minutes=10))
    assert made.states() == ["broken"]
    made.connector.away = False
    back(made)
    made.pass_(2 * HOUR, every=timedelta(minutes=10))
    assert made.states() == ["kept"]


def back(made: Watched) -> None:
    """A probe finds out that the account is there again."""
    made.office.clock.pass_(hours=1)
    made.gates.refresh()
    for lane in made.gates.take_probes():
        made.gates.probe(lane, lambda: None)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"deleted": True}, "удалено"),
        ({"person": "u99"}, "передано другому"),
        ({}, None),
    ],
)
def test_what_changed_is_told_once_and_once_when_it_is_over(
    office: Office, values: dict[str, object], said: str | None
) -> None:
    made = watched(office)
    if said is None:
        due = office.rows(promises)[0]["due_by"]
        made.connector.change(made.remote(), due=due - HOUR)
        made.pass_(2 * HOUR)
        assert told(office) == []
        values, said = {"due": due + HOUR}, "перенесено за обещанный срок"
    made.connector.change(made.remote(), **values)
    assert told(office) == []
    made.pass_(2 * HOUR)
    assert told(office) == [said]
    made.pass_(2 * HOUR)
    assert told(office) == []
    assert made.states() == ["written"]
    made.connector.change(made.remote(), deleted=False)
    made.connector.finish(made.remote())
    made.pass_(2 * HOUR)
    assert told(office) == []
    assert made.states() == ["kept"]


def test_what_was_put_back_is_no_longer_told_and_is_told_again_the_next_time(office: Office) -> None:
    made = watched(office)
    due = office.rows(promises)[0]["due_by"]
    (row,) = made.rows()
    undone = {"deleted": False, "person": row.first_person, "due": row.first_due}
    for values in ({"deleted": True}, {"person": "u99"}, {"due": due + HOUR}, {"deleted": True}):
        made.connector.change(made.remote(), **values)
        made.pass_(2 * HOUR)
        assert len(told(office)) == 1
        made.connector.change(made.remote(), **undone)
        made.pass_(2 * HOUR)
        assert told(office) == []
        (row,) = made.rows()
        assert [row.is_missing, row.is_reassigned, row.is_postponed] == [False] * 3
    assert office.rows(alerts, closed_at=None) == []


# --- several processes ------------------------------------------------------------------------------


def test_of_two_processes_one_looks_at_a_reminder(office: Office) -> None:
    made = watched(office, calls=5)
    made.connector.looks.clear()
    office.clock.pass_(hours=2)
    other = WatchedCrm(made.connector.crm)
    second = made.watch(other)
    made.connector.meanwhile_looking = second.step
    made.watcher.step()
    looked = [one for crm in (made.connector, other) for _, ids in crm.looks for one in ids]
    assert len(looked) == len(set(looked)) == 5


def test_what_a_killed_process_held_is_looked_at_by_another(office: Office) -> None:
    made = watched(office)
    made.connector.finish(made.remote())
    office.clock.pass_(hours=2)
    made.connector.dies = True
    with pytest.raises(Killed):
        made.watcher.step()
    made.connector.dies = False
    made.look(made.watch())
    assert made.states() == ["written"]
    office.clock.pass_(minutes=3)
    made.look(made.watch())
    assert made.states() == ["kept"]


def test_one_that_comes_back_too_late_changes_nothing(office: Office) -> None:
    made = watched(office)
    office.clock.pass_(hours=2)

    def meanwhile() -> None:
        made.connector.finish(made.remote(), by="u9")
        office.taken(NONE, call={"id": "c-0"}, occurred_at=at(3))

    made.connector.meanwhile_looking = meanwhile
    made.look()
    assert (made.states(), [row.state for row in made.rows()]) == (["withdrawn"], ["void"])


def test_a_look_that_the_crm_refuses_is_repeated_later(office: Office) -> None:
    made = watched(office)
    made.connector.refuses = True
    made.connector.looks.clear()
    made.pass_(2 * HOUR)
    assert 6 <= len(made.connector.looks) <= 8
    made.connector.refuses = False
    made.connector.finish(made.remote())
    made.pass_(HOUR)
    assert made.states() == ["kept"]
