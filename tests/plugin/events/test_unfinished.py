"""Calls that never end: nothing is done until they are completed, final, or too old; then a human is reminded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tests.plugin.events.support import (
    ALL,
    CALL_TIME,
    CALLS,
    HALF,
    NONE,
    NOW,
    Office,
    at,
    call_result,
    edited_rules,
    rulebook,
)

COORDINATOR = "survey_coordinator"
REMINDED = [("reminder", COORDINATOR), ("smtp_email", COORDINATOR)]
WITHDRAWN = [("withdrawal", COORDINATOR), ("smtp_email", COORDINATOR)]


def withdrawals(office: Office) -> list[tuple[str, str]]:
    return [(row["kind"], row["role"]) for row in office.deliveries() if row["withdraws"] is not None]


def test_an_incomplete_call_does_nothing_until_it_is_completed(office: Office) -> None:
    office.taken(HALF)
    assert office.deliveries() == []
    assert office.decisions() == []
    assert office.call()["unfinished_at"] == CALL_TIME + timedelta(minutes=30)
    office.taken({"survey_type": "calls"}, occurred_at=at(1))
    assert office.call()["unfinished_at"] is None
    assert office.outcomes() == [(1, "exclude_calls")]


def test_every_further_event_gives_the_call_more_time(office: Office) -> None:
    office.taken(HALF)
    office.taken({"survey_type": "all"}, occurred_at=at(4))
    office.taken({"client_name": "Анна"}, occurred_at=at(2))
    assert office.call()["unfinished_at"] == CALL_TIME + timedelta(minutes=34)


def test_a_final_incomplete_call_is_reminded_of_at_once(office: Office) -> None:
    body = office.taken(HALF, final=True, note="бросил трубку")
    assert [(row["kind"], row["role"]) for row in body["deliveries"]] == REMINDED
    assert office.outcomes() == [(1, None)]
    call = office.call()
    assert (call["decision_number"], call["outcome"], call["unfinished_at"]) == (0, None, None)
    reminder, mail = office.deliveries()
    assert reminder["subject"] == mail["subject"] == "Разговор не завершён: решить вручную"
    assert reminder["due_at"] == call["deadline_at"]
    for part in (
        "Разговор не завершён: решить вручную",
        "+79161234567",
        "бросил трубку",
        f"[ref:{reminder['key'][:16]}]",
    ):
        assert part in reminder["text"]


def test_the_reminder_may_quote_the_answers_so_far(office: Office) -> None:
    def tell(content: dict[str, Any]) -> None:
        content["survey_opt_out/script.toml"]["unfinished"]["text"] = (
            "Отказ: {fact.survey_type}\nОтвет: {fact.agreed_to_warning}"
        )

    office.rules.activate(edited_rules(tell), "test", "test")
    office.taken({"related_to_car": True, "survey_type": "all"}, final=True)
    lines = office.deliveries()[0]["text"].splitlines()
    assert lines[0] == "Отказ: От всех видов опросов"
    assert not [line for line in lines if line.startswith("Ответ:")]


def test_the_reminder_and_its_mail_hold_every_answer_given(office: Office) -> None:
    # One of them to a question that the rules have not come to.
    office.taken({"related_to_car": False, "client_name": "Анна Петрова", "survey_type": "all"}, final=True)
    reminder, mail = office.deliveries()
    for row in (reminder, mail):
        lines = row["text"].splitlines()
        assert lines[0] == "Разговор не завершён: решить вручную."
        assert "ФИО ответившего клиента: Анна Петрова" in lines
        assert [line.split(": ")[0][:26] for line in lines].count("Имеет отношение к обслужив") == 1
        assert any(line.startswith("От каких опросов отказывается: ") for line in lines)
        assert lines[-1] == f"[ref:{row['key'][:16]}]"


def test_after_half_an_hour_the_coordinator_is_reminded(office: Office) -> None:
    office.taken(HALF)
    office.clock.time = CALL_TIME + timedelta(minutes=30, seconds=-1)
    assert office.sweep() == 0
    office.clock.pass_(seconds=1)
    assert office.sweep() == 1
    assert office.planned() == REMINDED
    assert office.call()["unfinished_at"] is None
    assert office.sweep() == 0
    assert office.planned() == REMINDED


def test_the_wait_for_the_end_is_a_setting(office: Office) -> None:
    policy = type(office.settings.delivery)(unfinished_after_minutes=5)
    office.with_settings(delivery=policy).taken(HALF)
    assert office.call()["unfinished_at"] == CALL_TIME + timedelta(minutes=5)


def test_sweeps_at_the_same_time_remind_once_of_each_call(office: Office) -> None:
    for number in range(5):
        office.taken(HALF, call={"id": f"c-{number}"})
    office.clock.pass_(hours=1)
    with ThreadPoolExecutor(4) as pool:
        reminded = list(pool.map(lambda _: office.sweep(), range(4)))
    assert sum(reminded) == 5
    assert len(office.deliveries()) == 10


def test_an_incomplete_call_that_is_reported_late_is_reminded_of_with_a_term_in_the_future(office: Office) -> None:
    office.taken(HALF, occurred_at=(NOW - timedelta(hours=30)).isoformat())
    assert office.call()["late"] is True
    assert office.sweep() == 1
    assert office.deliveries()[0]["due_at"] == NOW + timedelta(hours=1)


# --- completed after all -----------------------------------------------------------------------------


def test_a_call_completed_after_the_reminder_withdraws_it_and_says_that_it_replaces_it(office: Office) -> None:
    office.taken(HALF, final=True)
    office.deliver()
    office.taken(ALL, occurred_at=at(1))
    assert office.outcomes() == [(1, None), (1, "exclude_all")]
    # The coordinator is reminded anew.
    assert withdrawals(office) == WITHDRAWN[:1]
    said = [row["corrections"][0]["text"] for row in office.deliveries() if row["corrections"]]
    assert len(said) == 5
    assert all("«Разговор не завершён: решить вручную»" in text for text in said)


def test_a_reminder_that_had_not_gone_out_is_only_cancelled(office: Office) -> None:
    office.taken(HALF, final=True)
    office.taken(ALL, occurred_at=at(1))
    assert [row["state"] for row in office.deliveries()[:2]] == ["cancelled"] * 2
    assert withdrawals(office) == []


def test_a_call_completed_without_actions_withdraws_the_reminder_too(office: Office) -> None:
    office.taken(HALF, final=True)
    office.deliver()
    office.taken(NONE, occurred_at=at(1))
    assert office.outcomes() == [(1, None), (1, "none")]
    assert withdrawals(office) == WITHDRAWN
    mail = office.deliveries()[-1]
    assert mail["subject"] == "ОТМЕНА: Разговор не завершён: решить вручную"
    assert "«Разговор не завершён: решить вручную»" in mail["text"]


def test_a_final_retraction_takes_the_decision_back_and_the_same_answer_again_is_decided_anew(office: Office) -> None:
    office.taken(CALLS)
    office.deliver()
    office.taken({"survey_type": None}, occurred_at=at(1), final=True)
    office.deliver()
    assert office.outcomes() == [(1, "exclude_calls"), (2, None)]
    assert office.call()["outcome"] is None
    assert withdrawals(office) == WITHDRAWN[:1]
    (comment,) = [row for row in office.deliveries() if row["kind"] == "comment" and row["corrects"]]
    assert "новый итог — «Разговор не завершён: решить вручную»" in comment["text"]
    office.taken({"survey_type": "calls"}, occurred_at=at(2))
    assert office.outcomes() == [(1, "exclude_calls"), (2, None), (2, "exclude_calls")]
    assert withdrawals(office) == WITHDRAWN[:1] * 2


def test_a_call_left_unfinished_twice_is_reminded_of_twice(office: Office) -> None:
    office.taken(CALLS)
    for minute in (1, 3):
        office.taken({"survey_type": None}, occurred_at=at(minute), final=True)
        office.deliver()
        office.taken({"survey_type": "calls"}, occurred_at=at(minute + 1))
        office.deliver()
    reminders = [
        row for row in office.deliveries() if row["action"].startswith("unfinished") and row["kind"] == "reminder"
    ]
    assert [row["action"] for row in reminders] == ["unfinished", "unfinished"]
    # What was decided first had not gone out yet.
    assert withdrawals(office) == WITHDRAWN[:1] * 3
    keys = [row["key"] for row in office.deliveries()]
    assert len(set(keys)) == len(keys)


def test_no_second_reminder_is_planned_before_the_first_is_withdrawn(office: Office) -> None:
    office.taken(HALF, final=True)
    office.taken({"survey_type": "all"}, occurred_at=at(1), final=True)
    office.taken({"client_name": "Анна"}, occurred_at=at(2))
    office.clock.pass_(hours=2)
    assert office.sweep() == 0
    assert office.planned() == REMINDED


# --- final -------------------------------------------------------------------------------------------


def test_a_final_event_without_facts_finishes_an_incomplete_call(office: Office) -> None:
    office.taken(HALF)
    answer = office.send(call_result({}, final=True, occurred_at=at(1)))
    assert answer.status == 202
    assert answer.body["decision"]["complete"] is False
    assert office.planned() == REMINDED


def test_a_final_event_without_facts_that_is_repeated_is_a_duplicate(office: Office) -> None:
    office.taken(HALF)
    event = call_result({}, final=True, occurred_at=at(1))
    office.send(event)
    assert office.send(event).body["duplicate"] is True
    assert office.planned() == REMINDED


def test_an_event_without_facts_that_is_not_final_leaves_an_incomplete_call_waiting(office: Office) -> None:
    office.taken(HALF)
    assert office.send(call_result({}, occurred_at=at(3))).body == {"ignored": "no opt-out request"}
    assert office.call()["unfinished_at"] == CALL_TIME + timedelta(minutes=30)


def test_the_end_of_a_call_is_known_though_an_earlier_part_arrives_after_it(office: Office) -> None:
    office.taken({"survey_type": "calls"}, occurred_at=at(2), final=True)
    office.deliver()
    office.taken(HALF, occurred_at=at(1))
    assert office.outcomes() == [(1, None), (1, "exclude_calls")]
    assert withdrawals(office) == WITHDRAWN[:1]


# --- rules that changed meanwhile ----------------------------------------------------------------------


def without_a_question(content: dict[str, Any]) -> None:
    rules = content["survey_opt_out/rules.toml"]
    rules["rule"].append({"id": "short", "paragraph": "x", "when": {"related_to_car": True}, "outcome": "none"})
    rules["question"] = [question for question in rules["question"] if question["fact"] != "survey_type"]


def test_newer_rules_that_ask_for_less_complete_the_call_instead(office: Office) -> None:
    office.taken(HALF)
    office.rules.activate(edited_rules(without_a_question), "test", "test")
    office.clock.pass_(hours=1)
    assert office.sweep() == 1
    assert office.outcomes() == [(1, "none")]
    assert office.call()["unfinished_at"] is None


def test_a_pinned_revision_reminds_by_its_own_texts(office: Office) -> None:
    office.taken(HALF, ruleset=rulebook().revision)
    office.rules.activate(edited_rules(without_a_question), "test", "test")
    office.clock.pass_(hours=1)
    assert office.sweep() == 1
    assert office.planned() == REMINDED


def test_a_call_whose_script_is_gone_is_postponed_and_does_not_hold_up_the_others(office: Office) -> None:
    def renamed(content: dict[str, Any]) -> None:
        for name in [name for name in content if name.startswith("survey_opt_out/")]:
            content["other/" + name.split("/")[1]] = content.pop(name)

    office.taken(HALF)
    office.taken(HALF, call={"id": "c-78"}, ruleset=rulebook().revision, occurred_at=at(1))
    office.rules.activate(edited_rules(renamed), "test", "test")
    office.clock.pass_(hours=1)
    assert office.sweep() == 1
    waiting, reminded = office.calls()
    assert (waiting["call_id"], waiting["unfinished_at"]) == ("c-77", office.clock() + timedelta(minutes=30))
    assert reminded["unfinished_at"] is None


@pytest.mark.parametrize("facts", [HALF, ALL])
def test_a_sweep_with_nothing_due_does_nothing(office: Office, facts: dict[str, Any]) -> None:
    office.taken(facts)
    assert office.sweep() == 0
