"""What an admin can write in ``when``: every kind of condition, against values on both sides of it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.conversations import conversations
from plugin.deciding.ruleset import read_folder
from plugin.errors import BadFacts, NoOutcome

GOOD = Path(__file__).parents[4] / "tests/plugin/authoring/verification/bad_rules" / "good"


def _book(fact: dict[str, Any], when: Any) -> Rulebook:
    """The tiny script with one question about ``it``; the rule under test ends the call with call_back."""
    content = copy.deepcopy(read_folder(GOOD)[0])
    content["tiny/vocabulary.toml"] = {"fact": {"it": {"label": "Оно"} | fact}}
    question: dict[str, Any] = {"id": "q", "paragraph": "1", "fact": "it", "hint": "?"}
    if fact["type"] in ("bool", "choice"):
        values = fact.get("values", [True, False])
        question["answers"] = [{"value": value, "label": str(value)} for value in values]
    rules = {"id": "r", "paragraph": "1", "when": {"it": when}, "outcome": "call_back"}
    content["tiny/rules.toml"] = {"question": [question], "rule": [rules]}
    return Rulebook.from_content(content)


def _fires(fact: dict[str, Any], when: Any, value: Any) -> bool:
    book = _book(fact, when)
    decider = book.script("tiny")
    try:
        return decider.decide(decider.type_facts({"it": value})).outcome == "call_back"
    except NoOutcome:
        return False
    finally:
        book.close()


NUMBER = {"type": "number"}
TEXT = {"type": "text"}
DATE = {"type": "date"}
TIME = {"type": "datetime"}
CHOICE = {"type": "choice", "values": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("fact", "when", "holds", "fails"),
    [
        ({"type": "bool"}, True, [True], [False]),
        ({"type": "bool"}, {"not": True}, [False], [True]),
        (CHOICE, "a", ["a"], ["b", "c"]),
        (CHOICE, ["a", "b"], ["a", "b"], ["c"]),
        (CHOICE, {"not": "a"}, ["b", "c"], ["a"]),
        (CHOICE, {"not": ["a", "b"]}, ["c"], ["a", "b"]),
        (CHOICE, {"known": True}, ["a", "b", "c"], []),
        (NUMBER, 7, [7, 7.0], [6, 7.5, -7]),
        (NUMBER, [7, 9], [7, 9], [8]),
        (NUMBER, {"not": 7}, [6, 8], [7]),
        (NUMBER, {"less_than": 7}, [6, 6.99, -1e9], [7, 8]),
        (NUMBER, {"at_most": 7}, [6, 7], [7.01, 8]),
        (NUMBER, {"more_than": 7}, [7.01, 1e9], [7, 6]),
        (NUMBER, {"at_least": 7}, [7, 8], [6.99]),
        (NUMBER, {"at_least": 7, "less_than": 9}, [7, 8.5], [6, 9]),
        (DATE, "2026-11-22", ["2026-11-22"], ["2026-11-23"]),
        (DATE, {"before": "2026-11-22"}, ["2026-11-21", "1999-01-01"], ["2026-11-22"]),
        (DATE, {"not_before": "2026-11-22"}, ["2026-11-22", "2027-01-01"], ["2026-11-21"]),
        (DATE, {"after": "2026-11-22", "not_after": "2026-12-01"}, ["2026-12-01"], ["2026-11-22", "2026-12-02"]),
        (TIME, {"before": "2026-11-22T10:00:00+03:00"}, ["2026-11-22T06:59:00+00:00"], ["2026-11-22T07:00:00+00:00"]),
        (TEXT, "Дорого", ["дорого", " ДОРОГО "], ["очень дорого"]),
        (TEXT, {"contains": "дорог"}, ["Очень Дорого!", "дорог"], ["дёшево"]),
        (TEXT, {"contains": ["цен", "дорог"]}, ["Цена", "дорого"], ["грубо"]),
        (TEXT, {"contains": "ещё"}, ["ЕЩЕ раз"], ["больше"]),
        (TEXT, {"not_contains": "дорог"}, ["дёшево"], ["Дорого"]),
        (TEXT, {"matches": "перезвон*завтра"}, ["Перезвоните завтра", "перезвонить мне завтра"], ["завтра"]),
        (TEXT, {"matches": "*№??"}, ["заказ №12"], ["заказ №1", "заказ №123"]),
        (TEXT, {"not_matches": "*грубо*"}, ["вежливо"], ["Было грубо."]),
        (TEXT, {"known": True}, ["что угодно"], []),
    ],
)
def test_a_condition_holds_on_one_side_and_not_on_the_other(
    fact: dict[str, Any], when: Any, holds: list[Any], fails: list[Any]
) -> None:
    assert [value for value in holds if not _fires(fact, when, value)] == []
    assert [value for value in fails if _fires(fact, when, value)] == []


@pytest.mark.parametrize(
    ("fact", "value", "told"),
    [
        (NUMBER, True, "a number"),
        (NUMBER, "7", "a number"),
        (NUMBER | {"min": 0, "max": 10}, 11, "a number from 0 to 10"),
        (NUMBER | {"min": 0}, -0.5, "a number from 0"),
        (DATE, "22.11.2026", "a date, 2026-11-22"),
        (DATE, 20261122, "a date, 2026-11-22"),
        (TIME, "2026-11-22T10:00:00", "a time, 2026-11-22T10:15:00+03:00"),
        (DATE | {"max": "2026-12-31"}, "2027-01-01", "a date, 2026-11-22 to 2026-12-31"),
    ],
)
def test_a_value_of_the_wrong_kind_or_out_of_bounds_is_refused(fact: dict[str, Any], value: Any, told: str) -> None:
    book = _book(fact, {"known": True})

    with pytest.raises(BadFacts) as refused:
        book.script("tiny").type_facts({"it": value})

    assert refused.value.errors[0].allowed == told
    book.close()


def test_a_mask_of_many_stars_takes_no_time() -> None:
    assert not _fires(TEXT, {"matches": "*а" * 40 + "я"}, "а" * 490)


def test_conversations_branch_on_every_stretch_between_the_numbers_of_the_conditions() -> None:
    book = _book(NUMBER | {"min": 0, "max": 10}, {"at_least": 7, "less_than": 9})

    ends = [(c.answers["it"], c.decision is not None) for c in conversations(book.script("tiny"))]
    book.close()

    assert ends == [(6, False), (7, True), (8, True), (9, False), (10, False)]


def test_conversations_branch_on_every_combination_of_text_tests() -> None:
    content = copy.deepcopy(_book(TEXT, {"contains": "дорог"}).content)
    rules = content["tiny/rules.toml"]["rule"]
    rules.append({"id": "r2", "paragraph": "1", "when": {"it": {"not_contains": "дорог"}}, "outcome": "nothing"})
    rules.append({"id": "r3", "paragraph": "1", "when": {"it": {"contains": "груб"}}, "outcome": "call_back"})
    book = Rulebook.from_content(content)

    ends = {str(c.answers["it"]): c.fault.code if c.fault else "ends" for c in conversations(book.script("tiny"))}
    book.close()

    assert ends == {"…": "ends", "дорог": "ends", "груб": "outcome_conflict", "дорог груб": "ends"}


def test_what_the_call_brings_along_takes_part_without_a_question() -> None:
    content = copy.deepcopy(_book(CHOICE, "a").content)
    duration = {"type": "number", "label": "Длительность", "from": "call.duration", "min": 0}
    content["tiny/vocabulary.toml"]["fact"]["duration"] = duration
    content["tiny/rules.toml"]["rule"] = [
        {"id": "short", "paragraph": "1", "when": {"duration": {"less_than": 10}}, "outcome": "nothing"},
        {"id": "long", "paragraph": "1", "when": {"duration": {"at_least": 10}}, "outcome": "call_back"},
        {"id": "unknown", "paragraph": "1", "when": {"duration": {"unknown": True}}, "outcome": "call_back"},
    ]
    book = Rulebook.from_content(content)
    decider = book.script("tiny")

    outcomes = [decider.decide({"it": "a"} | extra).outcome for extra in ({"duration": 5}, {"duration": 10}, {})]
    starts = {conversation.answers.get("duration") for conversation in conversations(decider)}
    book.close()

    assert outcomes == ["nothing", "call_back", "call_back"]
    assert starts == {None, 9, 10, 11}
    assert decider.sources == {"duration": "call.duration"}
