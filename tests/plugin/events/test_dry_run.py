"""A source that is only tried out: everything is decided and recorded, nothing is sent, and nothing is held against it
once it is meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.plugin.events.support import ALL, CALLS, HALF, NONE, PHONE_SECRET, SETTINGS, Office, at, call_result


@pytest.fixture
def trial(office: Office) -> Office:
    """The CRM's source is only tried out; the telephony of the same namespace is meant."""
    crm, *others = SETTINGS.sources
    return office.with_settings(sources=(replace(crm, dry_run=True), *others))


def test_a_dry_run_is_decided_and_recorded_and_nothing_is_to_be_sent(trial: Office) -> None:
    body = trial.taken(CALLS)
    assert body["dry_run"] is True
    assert body["decision"]["outcome"] == "exclude_calls"
    assert {delivery["state"] for delivery in body["deliveries"]} == {"cancelled"}
    assert trial.call()["dry_run"] is True
    assert {(row["state"], row["why"]) for row in trial.deliveries()} == {
        ("cancelled", "пробный источник: не отправлено")
    }
    assert all(row["finished_at"] for row in trial.deliveries())


def test_an_answer_outside_a_dry_run_does_not_mention_it(office: Office) -> None:
    body = office.taken(CALLS)
    assert "dry_run" not in body
    assert office.call()["dry_run"] is False


def test_a_repeat_of_a_dry_run_says_so_again(trial: Office) -> None:
    event = call_result(CALLS)
    trial.taken_body(event)
    again = trial.send(event)
    assert (again.status, again.body["dry_run"], again.body["duplicate"]) == (200, True, True)
    assert trial.send(event | {"note": "x"}).status == 409


def test_an_ignored_event_of_a_dry_run_says_so_too(trial: Office) -> None:
    assert trial.send(call_result({})).body == {"ignored": "no opt-out request", "dry_run": True}


def test_a_correction_in_a_dry_run_is_recorded_and_takes_nothing_back(trial: Office) -> None:
    trial.taken(ALL)
    trial.taken(NONE, occurred_at=at(1))
    assert trial.outcomes() == [(1, "exclude_all"), (2, "none")]
    # Nothing was ever written that could be corrected.
    assert trial.planned(2) == []
    assert {row["state"] for row in trial.deliveries()} == {"cancelled"}


def test_an_unfinished_call_of_a_dry_run_sends_no_reminder(trial: Office) -> None:
    trial.taken(HALF)
    trial.clock.pass_(minutes=40)
    assert trial.sweep() == 1
    assert {row["state"] for row in trial.deliveries()} == {"cancelled"}
    assert ("reminder", "survey_coordinator") in trial.planned()


def test_a_real_source_reports_the_same_call_as_a_new_one(trial: Office) -> None:
    trial.taken(CALLS)
    answer = trial.send(call_result(CALLS), PHONE_SECRET)
    assert answer.status == 202
    assert "dry_run" not in answer.body
    tried, meant = trial.calls()
    assert (tried["dry_run"], meant["dry_run"]) == (True, False)
    assert {row["state"] for row in trial.deliveries() if row["call_ref"] == meant["id"]} == {"pending"}
    trial.taken(NONE, occurred_at=at(1))
    assert {row["state"] for row in trial.deliveries() if row["call_ref"] == meant["id"]} == {"pending"}


def test_the_same_event_is_carried_out_once_the_source_is_no_dry_run(trial: Office) -> None:
    event = call_result(CALLS)
    trial.taken_body(event)
    body = trial.with_settings(sources=SETTINGS.sources).taken_body(event)
    assert "duplicate" not in body
    assert {row["state"] for row in body["deliveries"]} == {"pending"}
    keys = [row["key"] for row in trial.deliveries()]
    assert len(keys) == len(set(keys)) == 6
