"""Calls: events of one call merge, reused ids are told apart, repeats do nothing, calls without facts are no calls."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.plugin.events.support import (
    ALL,
    CALLS,
    HALF,
    NONE,
    NOW,
    ONLINE,
    OTHER_SECRET,
    PHONE_SECRET,
    SECRET,
    Office,
    at,
    call_result,
    edited_rules,
    office_at,
    rulebook,
)

CALLS_DELIVERIES = [("comment", None), ("reminder", "survey_coordinator"), ("smtp_email", "survey_coordinator")]


# --- taken in --------------------------------------------------------------------------------------


def test_a_call_result_is_decided_and_stored_with_its_deliveries(office: Office) -> None:
    event = call_result(note="Просил не звонить", call={"phone": "8 (916) 123-45-67"})
    answer = office.send(event)
    assert answer.status == 202
    assert set(answer.body) == {"event", "call", "decision", "deliveries"}
    assert (answer.body["event"], answer.body["call"]) == (event["id"], "c-77")
    assert answer.body["decision"]["outcome"] == "exclude_calls"
    assert [(row["kind"], row["role"]) for row in answer.body["deliveries"]] == CALLS_DELIVERIES
    assert [row["state"] for row in answer.body["deliveries"]] == ["pending"] * 3
    assert answer.body["deliveries"][1]["due_at"] == "2026-11-23T07:15:00+00:00"
    call = office.call()
    assert (call["namespace"], call["phone"], call["card_id"]) == ("dealership", "+79161234567", "42")
    assert (call["decision_number"], call["outcome"], call["late"]) == (1, "exclude_calls", False)
    (decision,) = office.decisions()
    assert decision["decision"] == answer.body["decision"]
    assert decision["revision"] == rulebook().revision
    assert decision["facts"] == CALLS


def test_texts_name_the_caller_the_time_and_the_deadline_in_the_named_time_zone(office: Office) -> None:
    office.taken(note="Просил не звонить")
    comment, reminder, mail = office.deliveries()
    assert comment["text"] == f"Клиент просит исключить из звонков с опросом\n[ref:{comment['key'][:16]}]"
    for part in ("+79161234567", "Анна Карточкина", "https://crm.example/contact/42", "ivanova", "Просил не звонить"):
        assert part in reminder["text"]
    assert "22.11.2026 10:15 (МСК)" in reminder["text"]
    assert "23.11.2026 10:15 (МСК)" in reminder["text"]
    assert reminder["text"].endswith(f"\n[ref:{reminder['key'][:16]}]")
    assert mail["text"].endswith(f"\n[ref:{mail['key'][:16]}]")
    assert (reminder["subject"], mail["subject"]) == ("ИСКЛЮЧИТЬ", "ИСКЛЮЧИТЬ")
    assert len({comment["key"], reminder["key"], mail["key"]}) == 3


def test_a_call_with_nothing_but_what_is_required_is_taken(office: Office) -> None:
    body = {"id": "e", "occurred_at": at(0), "call": {"id": "c"}, "facts": CALLS}
    assert office.send(body).status == 202
    assert "None" not in "".join(row["text"] for row in office.deliveries())


def test_a_short_internal_number_is_no_number_of_the_client(office: Office) -> None:
    office.taken(call={"phone": "доб. 23-45"})
    assert office.call()["phone"] is None


def test_another_clients_card_is_looked_for_and_a_fallback_line_is_ready(office: Office) -> None:
    facts = {"related_to_car": False, "is_client": True, "client_name": "Пётр Петров", "survey_type": "calls"}
    office.taken(facts)
    (decision,) = office.decisions()
    assert decision["target"] == {"find": {"name": "Пётр Петров", "phone": "+79161234567"}}
    assert decision["card"] is None
    comment, reminder, mail = office.deliveries()
    line = "Ответил другой клиент: Пётр Петров, номер +79161234567"
    assert comment["fallback_text"].startswith(line)
    assert "клиента этой карточки не исключать" in comment["fallback_text"]
    assert reminder["fallback_text"] == mail["fallback_text"]
    assert reminder["fallback_text"].startswith(line)
    assert line not in comment["text"]


@pytest.mark.parametrize(
    ("mode", "kinds"),
    [("smtp", ["smtp_email"]), ("crm", ["crm_email"]), ("both", ["smtp_email", "crm_email"])],
)
def test_a_reminder_is_mailed_by_its_roles_email_mode(office: Office, mode: str, kinds: list[str]) -> None:
    def set_mode(content: dict[str, Any]) -> None:
        content["roles.toml"]["role"]["survey_coordinator"]["email"] = mode

    office.rules.activate(edited_rules(set_mode), "test", "test")
    office.taken()
    assert [kind for kind, _ in office.planned()] == ["comment", "reminder", *kinds]
    assert len({row["key"] for row in office.deliveries()}) == 2 + len(kinds)


# --- repeats -----------------------------------------------------------------------------------------


def test_a_repeat_gets_the_first_decision_and_the_present_deliveries(office: Office) -> None:
    event = call_result()
    first = office.send(event)
    office.deliver(state="done")
    again = office.send(json.loads(json.dumps(event, sort_keys=True)))
    assert (again.status, again.body["duplicate"]) == (200, True)
    assert again.body["decision"] == first.body["decision"]
    assert {row["state"] for row in again.body["deliveries"]} == {"done"}
    assert len(office.events()) == 1
    assert len(office.deliveries()) == 3


def test_a_repeat_after_a_correction_still_gets_the_first_decision(office: Office) -> None:
    event = call_result()
    office.send(event)
    office.taken(ALL, occurred_at=at(1))
    again = office.send(event)
    assert again.body["decision"]["outcome"] == "exclude_calls"
    assert office.outcomes() == [(1, "exclude_calls"), (2, "exclude_all")]


@pytest.mark.parametrize(
    "facts",
    [
        CALLS,
        {"survey_type": "calls"},
        CALLS | {"agreed_to_warning": "changed_mind"},
        {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "calls_only"},
        {
            "related_to_car": True,
            "survey_type": "all",
            "agreed_to_warning": "surveys_only",
            "agreed_after_explanation": False,
        },
    ],
)
def test_the_same_outcome_in_any_form_writes_nothing(office: Office, facts: Mapping[str, Any]) -> None:
    office.taken()
    before = office.deliveries()
    body = office.taken(facts, occurred_at=at(1), note="ещё раз")
    assert [row["id"] for row in body["deliveries"]] == [row["id"] for row in before]
    assert office.deliveries() == before
    assert office.outcomes() == [(1, "exclude_calls")]


# --- no opt-out request ------------------------------------------------------------------------------


@pytest.mark.parametrize("facts", ["left out", None, {}, {"survey_type": None}])
@pytest.mark.parametrize("final", [True, False])
def test_a_call_without_facts_is_ignored_and_counted(office: Office, facts: Any, final: bool) -> None:
    event = call_result(final=final) | {"facts": facts}
    if facts == "left out":
        del event["facts"]
    answer = office.send(event)
    assert (answer.status, answer.body) == (200, {"ignored": "no opt-out request"})
    assert not office.calls()
    (stored,) = office.events()
    assert stored["call_ref"] is None


def test_a_repeat_of_an_ignored_event_is_a_duplicate_and_another_body_is_409(office: Office) -> None:
    event = call_result({})
    office.send(event)
    assert office.send(event).body == {"ignored": "no opt-out request", "duplicate": True}
    assert office.send(event | {"facts": CALLS}).status == 409


def test_an_event_without_facts_does_nothing_to_a_call_that_is_decided(office: Office) -> None:
    office.taken()
    assert office.send(call_result({}, final=True, occurred_at=at(1))).status == 200
    assert office.outcomes() == [(1, "exclude_calls")]


# --- merging -----------------------------------------------------------------------------------------


def test_events_of_one_call_merge_and_the_call_is_decided_once_it_is_complete(office: Office) -> None:
    first = office.taken({"related_to_car": True})
    assert first["decision"]["next"]["fact"] == "survey_type"
    assert first["deliveries"] == []
    office.taken({"survey_type": "all"}, occurred_at=at(1))
    body = office.taken({"agreed_to_warning": "yes"}, occurred_at=at(2))
    assert body["decision"]["outcome"] == "exclude_all"
    assert office.outcomes() == [(1, "exclude_all")]
    assert len(office.events()) == 3


@pytest.mark.slow
def test_the_order_of_arrival_makes_no_difference_to_the_outcome(tmp_path: Path) -> None:
    parts: list[tuple[float, dict[str, Any]]] = [
        (0, {"related_to_car": True, "survey_type": "online"}),
        (1, ALL),
        (2, {"related_to_car": True, "survey_type": None}),
        (3, {"survey_type": "all", "agreed_to_warning": "changed_mind"}),
    ]
    ends = set()
    for number, order in enumerate(itertools.permutations(parts)):
        (tmp_path / str(number)).mkdir()
        with office_at(tmp_path / str(number)) as office:
            for minutes, facts in order:
                office.taken(facts, occurred_at=at(minutes))
            call = office.call()
            ends.add((call["outcome"], call["first_occurred_at"], call["last_occurred_at"], call["deadline_at"]))
    assert len(ends) == 1
    assert ends.pop()[0] == "none"


def test_a_late_arrival_does_not_overwrite_later_events(office: Office) -> None:
    office.taken(ALL, occurred_at=at(2), note="второе", call={"operator": "petrova"})
    office.taken(CALLS, occurred_at=at(1), note="первое", card={"name": "Старое имя"})
    call = office.call()
    assert (call["outcome"], call["note"], call["operator"]) == ("exclude_all", "второе", "petrova")
    assert call["card_name"] == "Анна Карточкина"
    assert call["first_occurred_at"] < call["last_occurred_at"]


def test_a_later_event_fills_in_what_the_call_lacks(office: Office) -> None:
    office.taken(HALF, card=None, call={"phone": None, "operator": None})
    office.taken({"survey_type": "calls"}, occurred_at=at(1))
    call = office.call()
    assert (call["phone"], call["card_id"], call["operator"]) == ("+79161234567", "42", "ivanova")
    assert call["outcome"] == "exclude_calls"


def test_a_retraction_makes_the_call_incomplete_and_leaves_the_deliveries(office: Office) -> None:
    office.taken()
    office.deliver()
    body = office.taken({"survey_type": None}, occurred_at=at(1))
    assert (body["decision"]["complete"], body["decision"]["next"]["fact"]) == (False, "survey_type")
    assert {row["state"] for row in body["deliveries"]} == {"done"}
    assert office.outcomes() == [(1, "exclude_calls")]


def test_an_answer_that_no_longer_fits_the_earlier_ones_is_422(office: Office) -> None:
    office.taken({"agreed_to_warning": "calls_only"})
    answer = office.send(call_result({"related_to_car": True, "survey_type": "online"}, occurred_at=at(1)))
    assert answer.status == 422
    assert list(answer.body["error"]["fields"]) == ["facts.agreed_to_warning"]


# --- which call it is --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"call": {"phone": "+79160000000"}},
        {"card": {"id": "43"}},
        {"card": {"type": "lead"}},
        {"occurred_at": at(-24 * 60 - 1)},
    ],
)
def test_a_call_id_used_again_for_another_client_or_day_is_another_call(
    office: Office, changes: dict[str, Any]
) -> None:
    office.taken()
    with capture_logs() as logs:
        office.taken(ALL, **({"occurred_at": at(1)} | changes))
    assert [(row["generation"], row["outcome"]) for row in office.calls()] == [(1, "exclude_calls"), (2, "exclude_all")]
    assert [number for number, _ in office.outcomes()] == [1, 1]
    assert len({row["key"] for row in office.deliveries()}) == len(office.deliveries())
    assert "events.call_id_reused" in [line["event"] for line in logs]


@pytest.mark.parametrize(
    "changes",
    [
        {"call": {"phone": "8 916 123 45 67"}},
        {"call": {"phone": None}},
        {"card": None},
        {"occurred_at": at(-24 * 60)},
    ],
)
def test_the_same_client_within_a_day_is_the_same_call(office: Office, changes: dict[str, Any]) -> None:
    office.taken()
    office.taken(ALL, **changes)
    assert len(office.calls()) == 1


def test_a_day_counts_from_the_nearest_event_of_the_call(office: Office) -> None:
    office.taken(occurred_at=at(-40 * 60))
    office.taken(ALL, occurred_at=at(-20 * 60))
    office.taken(NONE, occurred_at=at(0))
    assert [row["generation"] for row in office.calls()] == [1]


def test_an_event_that_names_no_client_goes_to_the_call_nearest_in_time(office: Office) -> None:
    office.taken(occurred_at=at(-300), call={"phone": "+79160000001"}, card=None)
    office.taken(occurred_at=at(-10), call={"phone": "+79160000002"}, card=None)
    office.taken(ALL, occurred_at=at(-299), call={"phone": None}, card=None)
    assert [row["outcome"] for row in office.calls()] == ["exclude_all", "exclude_calls"]


def test_sources_that_share_a_namespace_report_the_same_calls(office: Office) -> None:
    office.send(call_result(HALF), SECRET)
    office.send(call_result({"survey_type": "calls"}, occurred_at=at(1)), PHONE_SECRET)
    assert (office.call()["outcome"], len(office.events())) == ("exclude_calls", 2)


def test_the_same_call_id_in_another_namespace_is_another_call(office: Office) -> None:
    office.send(call_result(), SECRET)
    office.send(call_result(), OTHER_SECRET)
    assert [row["namespace"] for row in office.calls()] == ["dealership", "elsewhere"]
    assert len({row["key"] for row in office.deliveries()}) == 6


# --- the promise -------------------------------------------------------------------------------------


def test_a_call_reported_over_a_day_late_is_marked_and_due_in_an_hour(office: Office) -> None:
    office.taken(occurred_at=(NOW - timedelta(hours=24, minutes=1)).isoformat())
    assert office.call()["late"] is True
    assert office.call()["deadline_at"] == NOW - timedelta(minutes=1)
    _, reminder, _ = office.deliveries()
    assert reminder["due_at"] == NOW + timedelta(hours=1)
    assert "22.11.2026 11:20 (МСК)" in reminder["text"]


def test_a_call_reported_just_in_time_is_not_late(office: Office) -> None:
    office.taken(occurred_at=(NOW - timedelta(hours=24)).isoformat())
    assert (office.call()["late"], office.deliveries()[1]["due_at"]) == (False, NOW)


def test_a_correction_keeps_the_first_deadline(office: Office) -> None:
    office.taken()
    first = office.call()["deadline_at"]
    office.clock.pass_(hours=5)
    office.taken(ALL, occurred_at=at(290))
    assert office.call()["deadline_at"] == first
    assert {row["deadline_at"] for row in office.deliveries()} == {first}
    assert {row["due_at"] for row in office.deliveries(2) if row["role"]} == {first}


def test_a_term_of_its_own_counts_from_the_call_too(office: Office) -> None:
    def in_two_hours(content: dict[str, Any]) -> None:
        actions = content["survey_opt_out/outcomes.toml"]["outcome"]["exclude_calls"]["action"]
        actions[1]["due_in_hours"] = 2

    office.rules.activate(edited_rules(in_two_hours), "test", "test")
    office.taken()
    assert office.deliveries()[1]["due_at"] - office.call()["first_occurred_at"] == timedelta(hours=2)


# --- revisions ---------------------------------------------------------------------------------------


def _say(text: str) -> Any:
    def edit(content: dict[str, Any]) -> None:
        content["survey_opt_out/outcomes.toml"]["outcome"]["exclude_calls"]["say"] = text

    return edit


def test_the_pinned_revision_decides(office: Office) -> None:
    newer = edited_rules(_say("Новая фраза"))
    office.rules.activate(newer, "test", "test")
    old = office.taken(ruleset=rulebook().revision)
    new = office.taken(call={"id": "c-78"})
    assert (old["decision"]["ruleset"], new["decision"]["ruleset"]) == (rulebook().revision, newer.revision)
    assert [row["revision"] for row in office.decisions()] == [rulebook().revision, newer.revision]


def test_a_call_stays_with_the_revision_that_one_of_its_events_pins(office: Office) -> None:
    office.taken(HALF, ruleset=rulebook().revision)
    office.rules.activate(edited_rules(_say("Новая фраза")), "test", "test")
    body = office.taken({"survey_type": "calls"}, occurred_at=at(1))
    assert body["decision"]["ruleset"] == rulebook().revision


def test_a_call_without_a_pin_goes_on_under_rules_that_dropped_one_of_its_answers(office: Office) -> None:
    def without_all(content: dict[str, Any]) -> None:
        content["survey_opt_out/vocabulary.toml"]["fact"]["survey_type"]["values"].remove("all")
        rules = content["survey_opt_out/rules.toml"]
        questions = [question for question in rules["question"] if question.get("when", {}).get("survey_type") != "all"]
        for question in questions:
            if question["fact"] == "survey_type":
                question["answers"] = [answer for answer in question["answers"] if answer["value"] != "all"]
        rules["question"] = questions
        rules["rule"] = [rule for rule in rules["rule"] if rule["when"].get("survey_type") != "all"]

    office.taken({"related_to_car": True, "survey_type": "all"})
    office.rules.activate(edited_rules(without_all), "test", "test")
    body = office.taken({"is_client": True}, occurred_at=at(1))
    assert body["decision"]["next"]["fact"] == "survey_type"


# --- at once -----------------------------------------------------------------------------------------


def test_eight_events_of_one_call_at_once_end_in_one_consistent_decision(office: Office) -> None:
    answers: list[dict[str, Any]] = [
        CALLS,
        ONLINE,
        ALL,
        NONE,
        HALF,
        {"survey_type": "calls"},
        {"survey_type": None},
        CALLS,
    ]
    events = [call_result(facts, occurred_at=at(number / 60)) for number, facts in enumerate(answers)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(office.send, events))
    # What takes an answer back is nothing to keep where it comes first.
    assert [answer.status for answer in results if answer.body != {"ignored": "no opt-out request"}] in (
        [202] * 8,
        [202] * 7,
    )
    call = office.call()
    assert call["outcome"] == "exclude_calls"
    assert [number for number, _ in office.outcomes()] == list(range(1, call["decision_number"] + 1))
    outcomes = [outcome for _, outcome in office.outcomes()]
    assert all(one != other for one, other in itertools.pairwise(outcomes))
    current = office.deliveries(call["decision_number"])
    assert [row["state"] for row in current if row["kind"] != "withdrawal"].count("pending") == 3
    earlier = [row for row in office.deliveries() if row["id"] not in {one["id"] for one in current}]
    assert {row["state"] for row in earlier} <= {"cancelled"}


def test_one_event_sent_eight_times_at_once_is_taken_once(office: Office) -> None:
    event = call_result(ALL)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(office.send, [event] * 8))
    assert sorted(answer.status for answer in results) == [200] * 7 + [202]
    assert len(office.deliveries()) == 5


# --- a connector's own events ------------------------------------------------------------------------


def test_a_connectors_results_are_taken_each_and_the_worst_status_is_answered(office: Office) -> None:
    good, bad = call_result(), call_result({"x": 1}, call={"id": "c-78"})
    answer = office.intake.receive_results("bitrix24", [good, bad, call_result({}, call={"id": "c-79"})])
    assert answer.status == 422
    assert [result["status"] for result in answer.body["results"]] == [202, 422, 200]
    assert [row["source"] for row in office.events()] == ["bitrix24", "bitrix24"]
    assert office.call()["namespace"] == "bitrix24"


def test_a_single_result_is_answered_as_it_is_and_a_repeat_is_a_duplicate(office: Office) -> None:
    event = call_result()
    assert office.intake.receive_results("crm", [event]).status == 202
    assert office.intake.receive_results("crm", [event]).body["duplicate"] is True
    assert office.call()["namespace"] == "dealership"


def test_a_connectors_event_without_results_is_ignored(office: Office) -> None:
    assert office.intake.receive_results("crm", []).body == {"ignored": "no call results"}


# --- the log -----------------------------------------------------------------------------------------


def test_no_log_line_holds_a_phone_a_name_or_a_note(office: Office) -> None:
    with capture_logs() as logs:
        office.taken(note="Просил не звонить")
        office.send(call_result({"client_name": 5, "survey_type": "Пётр Петров"}, call={"phone": "нет"}))
        office.send(call_result({}, call={"id": "c-80"}))
    assert len(logs) >= 3
    text = str(logs)
    for secret in ("79161234567", "Анна", "Пётр", "не звонить", "нет'"):
        assert secret not in text
