"""People are told of promises that are not kept yet: in time, once, and never of one that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from plugin.authoring.verification.cases import run_cases
from plugin.config.settings import AlertPolicy
from plugin.errors import RulesError
from plugin.ledger.promises import promises
from plugin.ledger.schema import alert_mails, deliveries
from plugin.promise.escalation import Escalation
from tests.plugin.events.support import ALL, CALLS, NONE, Office, at, edited_rules
from tests.plugin.promise.test_reminder_watch import back, watched
from tests.plugin.promise.watched_crm import Watched

HOUR = timedelta(hours=1)
COORDINATOR, SMS, BOSS = "coordinator@example.org", "sms.manager@example.org", "supervisor@example.org"
SOON, RISK, BROKEN = "СКОРО СРОК: ИСКЛЮЧИТЬ", "ОБЕЩАНИЕ ПОД УГРОЗОЙ: ИСКЛЮЧИТЬ", "ОБЕЩАНИЕ НАРУШЕНО: ИСКЛЮЧИТЬ"


def until(made: Watched, hours_left: float, *, every: float = 10) -> None:
    """Time passes until so much is left, everything being looked at, told and delivered."""
    escalation = Escalation(made.office.ledger, made.office.rules, made.office.settings, made.office.clock)
    end = made.office.rows(promises)[0]["due_by"] - timedelta(hours=hours_left)
    while made.office.clock() < end:
        step = HOUR if end - made.office.clock() > 5 * HOUR else timedelta(minutes=every)
        made.office.clock.time = min(end, made.office.clock() + step)
        made.look()
        escalation.step()
        made.look()
        escalation.step()
        made.deliver()


def mails(made: Watched) -> list[tuple[str, str]]:
    """To whom, and the subject, of all mails but the reminders' own."""
    return [(to, subject) for to, subject, _, _ in made.mailer.mails if subject != "ИСКЛЮЧИТЬ"]


def rules_with(office: Office, change: Callable[[dict[str, Any]], object]) -> None:
    office.rules.activate(edited_rules(change), "test", "test")


# --- faults -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"roles": ["nobody"]}, "неизвестная роль «nobody»"),
        ({"roles": []}, "список пуст"),
        ({"roles": None}, "шаг никому"),
        ({"to": "person"}, "и to, и roles"),
        ({"before_hours": None}, "не сказано, когда"),
        ({"after_hours": 1}, "и до срока, и после него"),
        ({"id": "reminded_again"}, "id «reminded_again» уже занят"),
        ({"text": "{fact.client_name}"}, "неизвестная подстановка"),
        ({"by": ["pigeon"]}, "допустимы: mail, task, webhook"),
        ({"roles": ["supervisor", "supervisor"]}, "роль повторена"),
    ],
)
def test_a_step_that_cannot_be_is_a_fault(step: dict[str, Any], said: str) -> None:
    def change(content: dict[str, Any]) -> None:
        whole = content["survey_opt_out/script.toml"]["escalation"][1] | step
        kept = {name: value for name, value in whole.items() if value is not None}
        content["survey_opt_out/script.toml"]["escalation"][1] = kept

    with pytest.raises(RulesError) as error:
        edited_rules(change)
    assert any(said in str(fault) for fault in error.value.faults), error.value.faults


def test_rules_of_before_need_neither_steps_nor_a_supervisor(lite: Office) -> None:
    def before(content: dict[str, Any]) -> None:
        for name in ("survey_opt_out", "survey_opt_in"):
            del content[f"{name}/script.toml"]["escalation"]
        del content["roles.toml"]["role"]["supervisor"]

    rules_with(lite, before)
    made = watched(lite)
    until(made, -3)
    assert (mails(made), made.states()) == ([], ["broken"])


# --- silent -----------------------------------------------------------------------------------------


def test_a_promise_that_is_kept_is_silent(lite: Office) -> None:
    made = watched(lite)
    until(made, 5)
    made.connector.finish(made.remote())
    until(made, -3)
    assert (mails(made), made.states()) == ([], ["kept"])


@pytest.mark.parametrize("minutes", [1, 9, 25])
def test_what_was_done_shortly_before_a_step_is_silent_too(lite: Office, minutes: int) -> None:
    made = watched(lite)
    until(made, 4 + minutes / 60)
    made.connector.finish(made.remote())
    until(made, -1, every=30)
    assert (mails(made), made.states()) == ([], ["kept"])


def test_a_promise_that_was_withdrawn_is_silent(lite: Office) -> None:
    made = watched(lite)
    lite.taken(NONE, call={"id": "c-0"}, occurred_at=at(3))
    made.deliver()
    before = mails(made)
    until(made, -3)
    assert mails(made) == before


# --- told -------------------------------------------------------------------------------------------


def test_the_same_person_is_told_before_then_the_supervisor_and_at_the_deadline_each_once(lite: Office) -> None:
    made = watched(lite)
    until(made, 4.1)
    assert mails(made) == []
    until(made, 3.9)
    assert mails(made) == [(COORDINATOR, SOON)]
    until(made, 0.9)
    assert mails(made) == [(COORDINATOR, SOON), (BOSS, RISK)]
    until(made, -5)
    assert mails(made) == [(COORDINATOR, SOON), (BOSS, RISK), (BOSS, BROKEN)]
    text = made.mailer.mails[-1][2]
    for said in ("Координатор опросов: ИСКЛЮЧИТЬ", "+79161234567", "Анна Карточкина", "23.11.2026 10:15", "ivanova"):
        assert said in text, text
    assert made.states() == ["broken"]


def test_only_what_is_undone_is_told_and_only_to_those_who_have_not_done_it(lite: Office) -> None:
    made = watched(lite, calls=0)
    lite.taken(ALL, call={"id": "c-0"})
    made.deliver()
    made.look()
    made.connector.finish(made.remote(0))
    until(made, -1)
    assert mails(made) == [(SMS, SOON), (BOSS, RISK), (BOSS, BROKEN)]
    assert "Координатор" not in made.mailer.mails[-1][2]


def test_what_is_not_in_the_crm_yet_is_told_as_such(lite: Office) -> None:
    made = watched(lite, calls=0)
    lite.taken(CALLS, call={"id": "c-0"})
    lite.deliver(state="parked")
    until(made, -1)
    assert mails(made) == [(COORDINATOR, SOON), (BOSS, RISK), (BOSS, BROKEN)]
    assert "(в CRM не записано)" in made.mailer.mails[-1][2]


def test_after_a_standstill_only_the_last_step_for_the_same_people_is_told(lite: Office) -> None:
    made = watched(lite)
    lite.clock.pass_(hours=26)
    until(made, -4)
    assert mails(made) == [(COORDINATOR, SOON), (BOSS, BROKEN)]


def test_while_the_crm_is_away_people_are_told_by_what_was_last_known(lite: Office) -> None:
    made = watched(lite)
    until(made, 6)
    made.connector.away = True
    made.connector.finish(made.remote())
    until(made, 3)
    assert mails(made) == [(COORDINATOR, SOON)]
    made.connector.away = False
    back(made)
    until(made, -1)
    assert (mails(made), made.states()) == ([(COORDINATOR, SOON)], ["kept"])


def test_two_processes_tell_once(office: Office) -> None:
    made = watched(office)
    until(made, 4.1)
    office.clock.pass_(minutes=7)
    made.look()
    pair = [Escalation(office.ledger, office.rules, made.office.settings, office.clock) for _ in range(2)]
    for one in pair:
        one.step()
    made.look()
    for one in (*pair, *pair):
        one.step()
    made.deliver()
    assert mails(made) == [(COORDINATOR, SOON)]


def test_a_correction_withdraws_what_was_told_and_begins_with_the_next_step(lite: Office) -> None:
    made = watched(lite)
    until(made, 3)
    lite.taken(ALL, call={"id": "c-0"}, occurred_at=at(10))
    made.deliver()
    until(made, -1)
    told = [one for one in mails(made) if one[1] in (SOON, RISK, BROKEN)]
    assert told == [(COORDINATOR, SOON), (BOSS, RISK), (BOSS, BROKEN)]


def test_a_call_reported_late_has_its_hour_and_then_the_supervisor_is_told(lite: Office) -> None:
    lite.clock.pass_(hours=30)
    made = watched(lite)
    until(made, -2)
    assert mails(made) == [(BOSS, BROKEN)]


# --- ways -------------------------------------------------------------------------------------------


def test_a_step_goes_as_a_task_and_to_the_webhook_where_it_says_so(lite: Office) -> None:
    def change(content: dict[str, Any]) -> None:
        content["survey_opt_out/script.toml"]["escalation"][2]["by"] = ["task", "webhook"]

    rules_with(lite, change)
    made = watched(lite)
    alerts = AlertPolicy(webhook="https://hooks.example.org/x", webhook_secret="whsec_x")
    made.office.settings = replace(made.office.settings, alerts=alerts)
    until(made, -1)
    assert mails(made) == [(COORDINATOR, SOON), (BOSS, RISK)]
    task = made.connector.reminders()[-1]
    assert (task.subject, task.assignee and task.assignee.user) == (BROKEN, "supervisor")
    (request,) = lite.rows(alert_mails)
    assert (request["kind"], request["address"], request["over"]) == ("promise_escalation", "webhook", False)
    assert "79161234567" not in request["text"]
    # The task is none of the promise's own reminders.
    assert len(made.rows()) == 1
    lite.taken(CALLS, call={"id": "c-0"}, occurred_at=at(9), note="ещё раз")
    assert len({row["decision_ref"] for row in lite.rows(deliveries)}) == 1


# --- cases ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ([{"step": "supervisor_due", "to": ["supervisor"]}], "не назван"),
        (
            [
                {"step": "reminded_again", "to": ["sms_manager"]},
                {"step": "supervisor_before", "to": ["supervisor"], "hours": -2},
                {"step": "supervisor_due", "to": ["supervisor"]},
            ],
            "узнает: survey_coordinator",
        ),
        ([{"step": "nobody", "to": ["supervisor"]}], "неизвестный шаг"),
    ],
)
def test_a_case_says_who_is_told_and_when(expected: list[dict[str, Any]], said: str) -> None:
    def change(content: dict[str, Any]) -> None:
        facts = {"related_to_car": True, "survey_type": "calls"}
        content["survey_opt_out/cases.toml"] = {"case": [{"name": "x", "facts": facts, "escalation": expected}]}

    try:
        told = [text for result in run_cases(edited_rules(change)) for text in map(str, result.differences)]
    except RulesError as error:
        told = [str(fault) for fault in error.faults]
    assert any(said in text for text in told), told
