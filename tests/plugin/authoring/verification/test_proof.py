"""What is wrong with rules is told before they go live: gaps, conflicts, misplaced questions, what is never reached."""

from __future__ import annotations

import itertools
from typing import Any

from tests.support.script import faults, script

# --- gaps and conflicts ---------------------------------------------------------------------------


def test_a_gap_is_told_once_for_all_conversations_with_the_same_last_answer() -> None:
    questions = [{"fact": name} for name in ("a", "b", "c")]
    content = script(questions, [{"when": {"c": True}, "outcome": "nothing"}])

    assert faults(content)[0] == (
        "разговор «A: Да → B: Да → C: Нет»: ни одно правило не даёт итога (и ещё 3 разговора)"
    )


def test_conversations_that_only_differ_in_what_was_concluded_are_not_taken_together() -> None:
    questions = [{"fact": name} for name in ("a", "b", "c")]
    rules = [
        {"when": {"a": True}, "conclude": {"point": "1"}},
        {"when": {"b": True}, "conclude": {"point": "1"}},
        {"when": {"point": "1", "c": True}, "outcome": "call_back"},
        {"when": {"c": False}, "outcome": "nothing"},
    ]

    assert faults(script(questions, rules, point=["1"])) == [
        "разговор «A: Нет → B: Нет → C: Да»: ни одно правило не даёт итога"
    ]


def test_each_pair_of_rules_that_contradict_each_other_is_told_with_its_conversation() -> None:
    rules = [
        {"when": {"a": True}, "outcome": "nothing"},
        {"when": {"a": False}, "outcome": "nothing"},
        {"when": {"b": True}, "outcome": "call_back"},
    ]

    assert faults(script([{"fact": "a"}, {"fact": "b"}], rules)) == [
        "разговор «A: Да → B: Да»: правила спорят между собой: «r0» даёт «ничего», «r2» даёт «перезвонить»",
        "разговор «A: Нет → B: Да»: правила спорят между собой: «r1» даёт «ничего», «r2» даёт «перезвонить»",
    ]


def test_a_gap_that_only_a_missing_field_of_the_call_meets_is_told() -> None:
    facts = {"duration": {"type": "number", "from": "call.duration", "min": 0, "label": "Длительность"}}
    rules = [
        {"when": {"duration": {"less_than": 10.5}, "a": {"known": True}}, "outcome": "nothing"},
        {"when": {"duration": {"at_least": 12.5}, "a": {"known": True}}, "outcome": "call_back"},
    ]

    assert faults(script([{"fact": "a"}], rules, facts=facts)) == [
        "разговор «Длительность: не сообщено → A: Да»: ни одно правило не даёт итога (и ещё 5 разговоров)"
    ]


def test_a_gap_between_two_numbers_is_told_with_a_number() -> None:
    facts = {"mark": {"type": "number", "min": 0, "max": 10, "label": "Оценка"}}
    rules = [
        {"when": {"mark": {"less_than": 7}}, "outcome": "call_back"},
        {"when": {"mark": {"more_than": 7}}, "outcome": "nothing"},
    ]

    assert faults(script([{"fact": "mark"}], rules, facts=facts)) == [
        "разговор «Оценка: 7»: ни одно правило не даёт итога"
    ]


def test_a_text_that_nobody_reads_is_any_text() -> None:
    content = script(
        [{"fact": "name"}], [{"when": {"b": True}, "outcome": "nothing"}], facts={"name": {"type": "text"}}
    )
    content["tiny/vocabulary.toml"]["fact"]["b"] = {"type": "bool", "label": "B", "from": "call.b"}

    assert "разговор «B: не сообщено → NAME: любой текст»: ни одно правило не даёт итога (и ещё 1 разговор)" in faults(
        content
    )


def test_more_faults_than_can_be_read_are_counted() -> None:
    facts = {"a": {"type": "choice", "values": [f"v{number}" for number in range(60)]}}
    answers = [{"value": value, "label": value.upper()} for value in facts["a"]["values"]]
    rules = [{"when": {"a": v}, "outcome": end} for v in facts["a"]["values"] for end in ("nothing", "call_back")]
    content = script([{"fact": "a", "answers": answers}], rules, facts=facts)

    told = faults(content)

    assert len([line for line in told if line.startswith("разговор")]) == 40
    assert "файл: ещё 20 таких случаев без итога или со спором правил" in told


# --- order and reach ------------------------------------------------------------------------------


def test_a_question_may_stand_before_one_that_asks_the_same_on_another_path() -> None:
    """The script's own case: the warning is one of two questions, the explanation after the first follows it."""
    questions = [
        {"fact": "a"},
        {"id": "first", "fact": "b", "when": {"a": True}},
        {"id": "after-first", "fact": "c", "when": {"a": True, "b": True}},
        {"id": "second", "fact": "b", "when": {"a": False}},
    ]
    rules = [
        {"when": {"a": True, "b": False}, "outcome": "nothing"},
        {"when": {"c": {"known": True}}, "outcome": "call_back"},
        {"when": {"a": False, "b": {"known": True}}, "outcome": "nothing"},
    ]

    assert faults(script(questions, rules)) == []


def test_a_question_before_the_one_that_leads_to_it_by_a_conclusion_is_told() -> None:
    questions = [{"fact": "b", "when": {"point": "1"}}, {"fact": "a"}]
    rules = [
        {"when": {"a": True}, "conclude": {"point": "1"}},
        {"when": {"a": False}, "outcome": "nothing"},
        {"when": {"b": {"known": True}}, "outcome": "call_back"},
    ]

    assert faults(script(questions, rules, point=["1"])) == [
        "question «ask-b»: стоит раньше вопроса «ask-a», от ответа на который зависит (разговор «A: Да»)"
    ]


def test_an_outcome_that_only_unreachable_rules_give_is_told() -> None:
    rules = [
        {"when": {"a": {"known": True}}, "outcome": "nothing"},
        {"when": {"a": {"not": [True, False]}}, "outcome": "call_back"},
    ]

    assert "outcome, call_back: этим итогом не кончается ни один разговор" in faults(script([{"fact": "a"}], rules))


def test_every_circle_of_conclusions_is_named() -> None:
    rules: list[dict[str, Any]] = [{"when": {"a": True}, "conclude": {"point": "1"}}]
    for one, two in itertools.pairwise(["1", "2", "3", "1"]):
        rules.append({"when": {"point": one}, "conclude": {"point": two}})
    rules.append({"when": {"section": "1"}, "conclude": {"section": "1"}})
    rules.append({"when": {"a": False}, "conclude": {"section": "1"}, "outcome": "nothing"})
    rules.append({"when": {"point": "3"}, "outcome": "call_back"})

    told = [
        line for line in faults(script([{"fact": "a"}], rules, point=["1", "2", "3"], section=["1"])) if "круг" in line
    ]

    assert len(told) == 2
    assert any(all(f'point = "{value}"' in line for value in "123") for line in told)
    assert any('section = "1" → section = "1"' in line for line in told)


def test_a_conclusion_that_a_question_reads_is_no_circle() -> None:
    """«…и далее см. РАЗДЕЛ 1»: the section is concluded again from what the section before it asked."""
    questions = [{"fact": "a"}, {"fact": "b", "when": {"section": "2"}}, {"fact": "c", "when": {"section": "1"}}]
    rules = [
        {"when": {"a": True}, "conclude": {"section": "1"}},
        {"when": {"a": False}, "conclude": {"section": "2"}},
        {"when": {"b": {"known": True}}, "conclude": {"section": "1"}},
        {"when": {"c": {"known": True}}, "outcome": "nothing"},
    ]

    assert faults(script(questions, rules, section=["1", "2"])) == []
