"""A question with ``optional = true`` may stay unanswered: it is offered, and the decision is complete without it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugin.authoring.inspection.tree import grow as grow_tree
from plugin.authoring.inspection.tree import rows
from plugin.authoring.verification import prove
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.conversations import conversations
from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset import read_folder
from plugin.deciding.ruleset.values import SKIPPED
from plugin.operator_page.tree import grow

GOOD = read_folder(Path(__file__).parents[2] / "authoring/verification/bad_rules/good")[0]


def _content() -> dict[str, Any]:
    content: dict[str, Any] = copy.deepcopy(GOOD)
    rules = content["tiny/rules.toml"]
    rules["question"][1]["optional"] = True
    rules["rule"][1]["when"] = {"satisfied": False}
    content["tiny/outcomes.toml"]["outcome"]["call_back"]["action"][0]["text"] = "Перезвонить\nПричина: {fact.reason}"
    return content


@pytest.fixture
def decider() -> Iterator[Decider]:
    rulebook = Rulebook.from_content(_content())
    yield rulebook.script("tiny")
    rulebook.close()


def test_a_decision_that_lacks_only_the_optional_answer_is_complete_and_still_asks(decider: Decider) -> None:
    decision = decider.decide({"satisfied": False})

    assert (decision.complete, decision.outcome) == (True, "call_back")
    assert decision.next is not None
    assert decision.next.fact == "reason"
    assert decision.to_json()["next"]["optional"] is True
    assert [action.text for action in decision.actions] == ["Перезвонить"]


def test_the_answer_counts_where_it_is_given(decider: Decider) -> None:
    decision = decider.decide({"satisfied": False, "reason": "price"})

    assert decision.next is None
    assert [action.text for action in decision.actions] == ["Перезвонить\nПричина: Цена"]


def test_what_was_passed_over_is_not_asked_again_and_stands_in_no_transcript(decider: Decider) -> None:
    decision = decider.decide({"satisfied": False, "reason": SKIPPED})

    assert (decision.complete, decision.next) == (True, None)
    assert [step.fact for step in decision.transcript] == ["satisfied"]


def test_a_question_that_must_be_answered_says_nothing_of_optional(decider: Decider) -> None:
    assert "optional" not in decider.decide({}).to_json()["next"]


def test_an_optional_question_in_the_middle_holds_nothing_up() -> None:
    content = _content()
    facts = content["tiny/vocabulary.toml"]["fact"]
    facts["again"] = {"type": "bool", "label": "Приедет снова"}
    answers = [{"value": True, "label": "Да"}, {"value": False, "label": "Нет"}]
    when = {"satisfied": False}
    question = {"id": "again", "paragraph": "3", "fact": "again", "hint": "?", "when": when, "answers": answers}
    content["tiny/rules.toml"]["question"].append(question)
    content["tiny/rules.toml"]["rule"][1]["when"] = {"again": {"known": True}}
    rulebook = Rulebook.from_content(content)
    decider = rulebook.script("tiny")

    lacking = decider.decide({"satisfied": False})
    decided = decider.decide({"satisfied": False, "again": True})

    assert (lacking.complete, lacking.next and lacking.next.fact) == (False, "reason")
    assert (decided.outcome, decided.next and decided.next.fact) == ("call_back", "reason")
    assert [step.fact for step in decided.transcript] == ["satisfied", "again"]
    assert decider.path({"satisfied": False, "again": True}) == ("satisfied", "reason", "again")
    rulebook.close()


def test_every_conversation_is_walked_with_and_without_the_optional_answer(decider: Decider) -> None:
    told = [list(conversation.answers.values()) for conversation in conversations(decider)]

    assert told == [[True], [False, "price"], [False, "quality"], [False, SKIPPED]]


def test_rules_that_end_only_with_the_optional_answer_have_a_gap() -> None:
    content = _content()
    content["tiny/rules.toml"]["rule"][1]["when"] = {"reason": {"known": True}}
    rulebook = Rulebook.from_content(content)

    (fault,) = prove(rulebook).faults

    assert fault.where == "разговор «Доволен: Нет → Причина: пропущено»"
    assert fault.what == "ни одно правило не даёт итога"
    rulebook.close()


def test_unknown_may_be_asked_of_an_optional_fact() -> None:
    content = _content()
    rules = content["tiny/rules.toml"]["rule"]
    rules[1]["when"] = {"reason": {"known": True}}
    rules.append({"id": "no-reason", "paragraph": "2", "when": {"reason": {"unknown": True}}, "outcome": "nothing"})
    rulebook = Rulebook.from_content(content)

    assert prove(rulebook).faults == ()
    assert rulebook.script("tiny").decide({"satisfied": False}).outcome == "nothing"
    rulebook.close()


def test_the_table_shows_the_way_without_an_answer(decider: Decider) -> None:
    ways = [" → ".join(branch.label for _, branch in row.steps) for row in rows(grow_tree(decider).root)]

    assert any("пропущено" in way for way in ways)


def test_the_operators_page_can_pass_it_over(decider: Decider) -> None:
    tree = grow(decider, {})
    asked = next(node for node in tree.nodes if node.get("fact") == "reason")

    after = tree.nodes[asked["skip"]]
    assert after["outcome"] == "call_back"
    assert "skip" not in tree.nodes[tree.start]
