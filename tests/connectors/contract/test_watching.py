"""Reminders watched: how many of them stand is read at once, and one is closed as done."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.base import CrmUnavailable, Done, NotDone, ReminderState, ReminderStatus, Unknown
from tests.connectors.contract.doing import DUE, WORDS, api_of, key, play, read, written
from tests.connectors.contract.rig import Rig
from tests.support.fake_api import Fault


def made(rig: Rig, name: str) -> str:
    outcome = written(rig, "reminder", name=name)
    assert isinstance(outcome, Done)
    return outcome.remote_id


def test_without_a_turn_no_state_is_read(rig: Rig) -> None:
    class Nobody:
        def acquire(self, longest: float) -> float:
            return 30.0

    one = made(rig, "one")
    rig.connector.share_quota(Nobody())
    with pytest.raises(CrmUnavailable):
        rig.connector.reminder_states([one])


def test_how_reminders_stand_is_told_of_each_as_far_as_the_crm_knows(rig: Rig) -> None:
    person, other = (one.user for one in rig.people)
    assert person is not None
    assert other is not None
    names = ("open", "done", "gone", "given away", "put off")
    ids = {name: made(rig, name) for name in names}
    rig.change_reminder(ids["done"], done_by=person)
    rig.change_reminder(ids["gone"], deleted=True)
    rig.change_reminder(ids["given away"], person=other)
    rig.change_reminder(ids["put off"], due=DUE + timedelta(days=2))
    most = rig.connector.most_reminders
    found: dict[str, ReminderStatus] = {}
    for start in range(0, len(names), most):
        found |= rig.connector.reminder_states([ids[name] for name in names[start : start + most]])

    told = {name: found[ids[name]] for name in names}
    assert {name: one.state for name, one in told.items()} == dict.fromkeys(names, ReminderState.OPEN) | {
        "done": ReminderState.DONE,
        "gone": ReminderState.MISSING,
    }
    assert (told["open"].person, told["given away"].person) == (person, other)
    for name, due in (("open", DUE), ("put off", DUE + timedelta(days=2))):
        assert told[name].due is not None
        assert abs(told[name].due - due) < timedelta(minutes=1)
    assert (told["open"].done_by, told["open"].done_at) == (None, None)
    assert told["done"].done_by in (None, person)
    assert told["done"].done_at is not None
    assert told["done"].done_at.tzinfo is not None


def test_many_are_read_by_one_request(rig: Rig) -> None:
    ids = [made(rig, str(number)) for number in range(min(4, rig.connector.most_reminders))]
    before = len(api_of(rig).requests)
    assert set(rig.connector.reminder_states(ids)) == set(ids)
    assert len(api_of(rig).requests) == before + 1


def test_a_reminder_that_there_never_was_is_missing(rig: Rig) -> None:
    one = made(rig, "one")
    absent = one[:-1] + ("8" if one[-1] != "8" else "7")
    assert rig.connector.reminder_states([absent])[absent].state is ReminderState.MISSING


def test_a_completed_reminder_is_done_and_twice_is_once(rig: Rig) -> None:
    one = made(rig, "one")
    for _ in range(2):
        assert isinstance(rig.connector.complete_reminder(one, "Отмечено исполненным", key("done")), Done)
        assert rig.connector.reminder_states([one])[one].state is ReminderState.DONE
    assert WORDS in read(rig.written("reminder")[0].text)


def test_one_that_is_gone_counts_as_completed(rig: Rig) -> None:
    one = made(rig, "one")
    rig.change_reminder(one, deleted=True)
    assert isinstance(rig.connector.complete_reminder(one, "Отмечено исполненным", key("done")), Done)


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.THROTTLED])
def test_a_completion_that_did_not_get_through_leaves_the_reminder_open(rig: Rig, fault: Fault) -> None:
    one = made(rig, "one")
    play(rig, fault)
    outcome = rig.connector.complete_reminder(one, "Отмечено исполненным", key("done"))
    assert isinstance(outcome, Unknown) or (isinstance(outcome, NotDone) and not outcome.permanent)
    assert rig.connector.reminder_states([one])[one].state is ReminderState.OPEN
