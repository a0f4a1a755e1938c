"""Fields of the call and its card that a script maps to facts: typed, stored, merged and decided with like answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.events import EventResponse
from tests.plugin.events.support import (
    CALLS,
    HALF,
    NOW,
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

#: The facts that the scripts of these tests map from call fields.
MAPPED = {
    "seconds": {"type": "number", "label": "Длительность", "from": "call.duration", "min": 0},
    "agent": {"type": "text", "label": "Оператор", "from": "call.operator"},
    "number": {"type": "text", "label": "Номер", "from": "call.phone"},
    "card_kind": {"type": "choice", "values": ["contact", "lead"], "label": "Вид карточки", "from": "card.type"},
    "vip": {"type": "bool", "label": "Особый клиент", "from": "card.vip"},
    "repaired": {"type": "date", "label": "Ремонт", "from": "card.repaired"},
}


def mapping_rules() -> Rulebook:
    """The shipped rules, where a call under 10 seconds that refuses calls ends in nothing."""

    def edit(content: dict[str, Any]) -> None:
        content["survey_opt_out/vocabulary.toml"]["fact"] |= MAPPED
        rules = content["survey_opt_out/rules.toml"]["rule"]
        rules[:] = [rule for rule in rules if rule["id"] != "1"]
        for id_, seconds, outcome in (
            ("1-short", {"less_than": 10}, "none"),
            ("1-long", {"at_least": 10}, "exclude_calls"),
            ("1-unknown", {"unknown": True}, "exclude_calls"),
        ):
            when = {"point": "1", "seconds": seconds}
            rules.append({"id": id_, "paragraph": "1", "when": when, "outcome": outcome})
        texts = content["survey_opt_out/script.toml"]
        texts["reminder"]["details"] += "\nДлительность: {fact.seconds} с\nОсобый клиент: {fact.vip}"

    return edited_rules(edit)


@pytest.fixture(scope="module")
def mapping() -> Iterator[Rulebook]:
    book = mapping_rules()
    yield book
    book.close()


@pytest.fixture
def office(tmp_path: Path, mapping: Rulebook) -> Iterator[Office]:
    with office_at(tmp_path) as office:
        office.rules.activate(mapping, "test", "maps call fields")
        yield office


def fields_of(answer: EventResponse) -> dict[str, list[str]]:
    assert answer.status == 422, answer
    fields: dict[str, list[str]] = answer.body["error"]["fields"]
    return fields


# --- refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "given", "told"),
    [
        ("call.duration", "42", 'call.duration: given "42", allowed: a number from 0'),
        ("call.duration", True, "call.duration: given true, allowed: a number from 0"),
        ("call.duration", -1, "call.duration: given -1, allowed: a number from 0"),
        ("call.duration", [42], "call.duration: given [42], allowed: a number from 0"),
        ("card.type", "deal", 'card.type: given "deal", allowed: contact, lead'),
        ("card.vip", 1, "card.vip: given 1, allowed: true, false"),
        ("card.vip", "да", 'card.vip: given "да", allowed: true, false'),
        ("card.repaired", "22.11.2026", 'card.repaired: given "22.11.2026", allowed: a date, 2026-11-22'),
    ],
)
def test_a_field_of_the_wrong_type_is_422_naming_it_what_was_given_and_what_is_allowed(
    office: Office, field: str, given: object, told: str
) -> None:
    part, name = field.split(".")
    assert fields_of(office.send(call_result(**{part: {name: given}}))) == {field: [told]}
    assert not office.events()


def test_a_known_field_of_the_wrong_form_is_reported_once_and_by_its_form(office: Office) -> None:
    assert fields_of(office.send(call_result(call={"id": True}))) == {"call.id": ["must be text"]}


def test_wrong_fields_of_the_call_and_wrong_facts_are_named_at_once(office: Office) -> None:
    event = call_result({"survey_type": 1}, call={"duration": "x"}, card={"vip": 0})
    assert set(fields_of(office.send(event))) == {"facts.survey_type", "call.duration", "card.vip"}
    both = call_result({"survey_type": 1}, final="no", call={"duration": "x", "id": []}, card={"vip": 0})
    wrong = {"final", "facts.survey_type", "call.duration", "call.id", "card.vip"}
    assert set(fields_of(office.send(both))) == wrong


@pytest.mark.parametrize("change", [{"call": []}, {"call": "c"}, {"card": 7}, {"script": ["x"]}, {"script": {}}])
def test_a_call_that_is_no_object_is_422_together_with_its_wrong_facts(office: Office, change: dict[str, Any]) -> None:
    event = call_result({"survey_type": 1}) | change
    assert set(change) <= set(fields_of(office.send(event)))


def test_a_wrong_listed_fact_is_422_though_the_call_field_is_right(office: Office) -> None:
    event = call_result(CALLS | {"seconds": "42"}, call={"duration": 42})
    assert list(fields_of(office.send(event))) == ["facts.seconds"]


def test_a_wrong_call_field_is_422_even_in_an_event_without_answers(office: Office) -> None:
    assert list(fields_of(office.send(call_result({}, call={"duration": "long"})))) == ["call.duration"]


# --- ignored -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("facts", [{}, {"survey_type": None}, {"seconds": 42}, {"seconds": None}])
def test_mapped_fields_alone_are_no_opt_out_request(office: Office, facts: dict[str, Any]) -> None:
    answer = office.send(call_result(facts, call={"duration": 42}, card={"vip": True}, final=True))
    assert (answer.status, answer.body) == (200, {"ignored": "no opt-out request"})
    assert not office.calls()
    assert [row["call_ref"] for row in office.events()] == [None]


@pytest.mark.parametrize("final", [True, False])
def test_mapped_fields_alone_change_nothing_of_a_decided_call(office: Office, final: bool) -> None:
    office.taken(CALLS, call={"duration": 42})
    answer = office.send(call_result({}, call={"duration": 3}, final=final, occurred_at=at(1)))
    assert (answer.status, answer.body) == (200, {"ignored": "no opt-out request"})
    assert office.outcomes() == [(1, "exclude_calls")]


def test_the_final_event_of_an_unfinished_call_is_taken_with_its_mapped_fields(office: Office) -> None:
    office.taken(HALF)
    office.taken({}, call={"duration": 42}, final=True, occurred_at=at(1))
    (decision,) = office.decisions()
    assert (decision["outcome"], decision["facts"]["seconds"]) == (None, 42)
    assert "Длительность: 42 с" in office.deliveries()[0]["text"]


def test_only_fields_that_the_script_does_not_map_are_warned_of(office: Office) -> None:
    event = call_result(call={"duration": 42, "duratoin": 1, "queue": "b"}, card={"vip": True, "vipp": True})
    assert office.taken_body(event)["warnings"] == [
        "unknown key call.duratoin is ignored; did you mean duration?",
        "unknown key call.queue is ignored",
        "unknown key card.vipp is ignored; did you mean vip?",
    ]


def test_an_ignored_event_gets_the_same_warnings(office: Office) -> None:
    answer = office.send(call_result({}, call={"duration": 42, "queue": "b"}))
    assert answer.body == {"ignored": "no opt-out request", "warnings": ["unknown key call.queue is ignored"]}


def test_a_script_that_does_not_map_a_field_ignores_it_with_a_warning(tmp_path: Path) -> None:
    with office_at(tmp_path) as office:
        body = office.taken(CALLS, call={"duration": "any"})
        assert body["warnings"] == ["unknown key call.duration is ignored"]
        assert office.decisions()[0]["facts"] == CALLS


# --- taken -------------------------------------------------------------------------------------------


def test_mapped_fields_decide_and_are_stored_with_the_event_and_the_decision(office: Office) -> None:
    mapped = {"seconds": 9.5, "agent": "ivanova", "number": "+79161234567", "card_kind": "contact", "vip": True}
    call, card = {"duration": 9.5, "phone": "8 (916) 123-45-67"}, {"vip": True, "repaired": "2026-10-01"}
    body = office.taken(CALLS, call=call, card=card)
    assert body["decision"]["outcome"] == "none"
    assert [step["fact"] for step in body["decision"]["transcript"]] == ["related_to_car", "survey_type"]
    (event,), (decision,) = office.events(), office.decisions()
    assert event["facts"] == decision["facts"] == CALLS | mapped | {"repaired": "2026-10-01"}
    assert decision["decision"] == body["decision"]


def test_texts_name_mapped_fields_and_leave_out_missing_ones(office: Office) -> None:
    office.taken(CALLS, call={"duration": 75.0})
    reminder = office.deliveries()[1]["text"]
    assert "Длительность: 75 с" in reminder
    assert "Особый клиент" not in reminder


def test_a_null_field_is_a_missing_field_and_retracts_nothing(office: Office) -> None:
    office.taken(HALF, call={"duration": 3})
    event = call_result({"survey_type": "calls"}, occurred_at=at(1))
    event["call"]["duration"] = None
    office.taken_body(event)
    assert office.call()["outcome"] == "none"


def test_without_a_card_its_fields_are_missing(office: Office) -> None:
    office.taken(CALLS, card=None)
    assert office.events()[0]["facts"].keys() == {*CALLS, "agent", "number"}


def test_a_mapped_field_wins_over_the_same_listed_fact(office: Office) -> None:
    office.taken(CALLS | {"seconds": 3})
    office.taken(CALLS | {"seconds": 3}, call={"id": "c-78", "duration": 30})
    assert [row["outcome"] for row in office.calls()] == ["none", "exclude_calls"]
    assert [row["facts"]["seconds"] for row in office.decisions()] == [3, 30]


def test_a_null_in_the_list_retracts_an_earlier_mapped_field(office: Office) -> None:
    office.taken(CALLS, call={"duration": 3})
    office.taken({"seconds": None, "survey_type": "calls"}, occurred_at=at(1))
    assert office.outcomes() == [(1, "none"), (2, "exclude_calls")]


def test_an_unknown_fact_is_answered_with_the_mapped_facts_too(office: Office) -> None:
    (message,) = fields_of(office.send(call_result({"secods": 3})))["facts.secods"]
    assert "did you mean seconds?" in message


# --- merged ------------------------------------------------------------------------------------------


def test_the_latest_mapped_field_wins_in_any_order_of_arrival(tmp_path: Path) -> None:
    book = mapping_rules()
    parts: list[tuple[float, Mapping[str, Any], dict[str, Any]]] = [
        (0, HALF, {"duration": 3}),
        (1, {"survey_type": "calls"}, {"duration": 30}),
        (2, {"related_to_car": True}, {}),
    ]
    for number, order in enumerate(itertools.permutations(parts)):
        (tmp_path / str(number)).mkdir()
        with office_at(tmp_path / str(number)) as office:
            office.rules.activate(book, "test", "maps call fields")
            for minutes, facts, call in order:
                office.taken(facts, call=call, occurred_at=at(minutes))
            assert office.call()["outcome"] == "exclude_calls"
    book.close()


def test_a_changed_mapped_field_drops_no_answer(office: Office) -> None:
    answers = {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "yes"}
    office.taken(answers, call={"duration": 3, "operator": "ivanova"})
    office.taken({"related_to_car": True}, call={"duration": 300, "operator": "petrova"}, occurred_at=at(1))
    assert office.outcomes() == [(1, "exclude_all")]
    office.taken({"survey_type": "calls"}, occurred_at=at(2))
    assert office.decisions()[-1]["facts"]["seconds"] == 300


def test_a_mapped_field_of_a_later_source_corrects_the_decision(office: Office) -> None:
    office.send(call_result(CALLS), SECRET)
    office.send(call_result({"survey_type": "calls"}, call={"duration": 3}, occurred_at=at(1)), PHONE_SECRET)
    assert office.outcomes() == [(1, "exclude_calls"), (2, "none")]
    office.send(call_result(CALLS), OTHER_SECRET)
    assert office.outcomes()[-1] == (1, "exclude_calls")


def test_rules_activated_later_do_without_a_field_that_they_no_longer_map(office: Office) -> None:
    office.taken(HALF, call={"duration": 3})
    office.rules.activate(rulebook(), "test", "deaf again")
    office.taken({"survey_type": "calls"}, call={"duration": 3}, occurred_at=at(1))
    assert office.call()["outcome"] == "exclude_calls"
    assert office.decisions()[-1]["facts"] == CALLS


def test_the_sweep_over_unfinished_calls_knows_the_mapped_fields(office: Office) -> None:
    office.taken(HALF, call={"duration": 42}, card={"vip": False}, occurred_at=NOW.isoformat())
    office.clock.pass_(minutes=31)
    assert office.sweep() == 1
    text = office.deliveries()[0]["text"]
    assert "Длительность: 42 с" in text
    assert "Особый клиент: нет" in text


def test_fields_of_a_connectors_results_are_mapped_too(office: Office) -> None:
    answer = office.intake.receive_results("crm", [call_result(CALLS, call={"duration": 3})])
    assert (answer.status, answer.body["decision"]["outcome"]) == (202, "none")


def test_no_log_line_holds_the_value_of_a_field(office: Office) -> None:
    with capture_logs() as logs:
        office.taken(CALLS, call={"duration": 4242}, card={"repaired": "2026-10-01"})
        office.send(call_result(CALLS, call={"id": "c-78", "duration": "4343"}))
    assert len(logs) >= 2
    assert not any(said in str(logs) for said in ("4242", "2026-10-01", "4343"))
