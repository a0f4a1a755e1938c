"""The conversation as data: every conversation of the rules is a way through it, its texts are the decision's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from plugin.deciding.decision.compiled_rules import Decider, Rulebook
from plugin.deciding.decision.conversations import conversations
from plugin.deciding.ruleset import Template
from plugin.errors import BadFacts
from plugin.operator_page.endings import lines, unfinished_node
from plugin.operator_page.tree import LARGEST_BYTES, PageTrees, grow, size_of
from tests.plugin.operator_page.pages import RULES

BOOK = Rulebook.load(RULES)
CALL = {
    "call.id": "c-1",
    "call.phone": "+79161234567",
    "call.time": "23.11.2026 10:15",
    "call.operator": "ivanova",
    "call.note": None,
    "card.id": "42",
    "card.name": "Иванов Иван",
    "card.url": "https://crm.example.org/42",
    "deadline": "24.11.2026 10:15",
}


def filled(text: list[Any], values: Mapping[str, str | None]) -> str:
    """What a page makes of the lines."""
    found = []
    for line in text:
        if isinstance(line, str):
            found.append(line)
            continue
        stays, *parts = line
        known = [values.get(name) for name in parts[1::2]]
        if stays or any(known):
            gaps = [value or "не указано" for value in known]
            found.append(parts[0] + "".join(gap + after for gap, after in zip(gaps, parts[2::2], strict=True)))
    return "\n".join(found)


def way(nodes: Any, start: int, answers: Mapping[str, Any]) -> Any:
    """The end that these answers lead to."""
    node = nodes[start]
    while "fact" in node:
        value = answers[node["fact"]]
        following = node["next"] if "input" in node else next(a["next"] for a in node["answers"] if a["value"] == value)
        node = nodes[following]
    return node


@pytest.mark.parametrize("decider", BOOK.scripts.values(), ids=BOOK.scripts)
def test_every_conversation_ends_in_it_as_in_the_rules_texts_and_all(decider: Decider) -> None:
    tree = grow(decider, {})
    count = 0
    for one in conversations(decider):
        answers = {fact: "Иванова Анна" if value == "…" else value for fact, value in one.answers.items()}
        typed = {f"fact.{fact}": str(value) for fact, value in answers.items()}
        decision = decider.decide(answers, CALL)
        end = way(tree.nodes, tree.start, answers)
        assert (end["outcome"], end["say"]) == (decision.outcome, decision.say)
        target = next((action.target for action in decision.actions if action.target), None)
        cards = {"card.id": None, "card.name": "‹имя в карточке›", "card.url": "‹ссылка на карточку›"} if target else {}
        texts = [filled(action["text"], {**CALL, **typed, **cards}) for action in end["actions"]]
        wanted = decider.decide(answers, {**CALL, **cards}).actions
        assert texts == [action.text for action in wanted]
        assert [action["id"] for action in end["actions"]] == [action.id for action in wanted]
        if target:
            assert filled(end["target"]["name"], typed) == target.name == "Иванова Анна"
            assert filled(end["target"]["phone"], CALL) == target.phone
        count += 1
    assert count > 10


def test_equal_continuations_are_one_node() -> None:
    tree = grow(BOOK.script("survey_opt_out"), {})

    assert len({repr(node) for node in tree.nodes}) == len(tree.nodes) < 30
    assert size_of(tree) < LARGEST_BYTES


def test_from_answers_on_it_is_what_comes_after_them() -> None:
    decider = BOOK.script("survey_opt_out")
    tree = grow(decider, {"related_to_car": True, "survey_type": "all"})

    assert tree.nodes[tree.start]["fact"] == "agreed_to_warning"


def test_answers_given_before_it_begins_are_in_its_texts() -> None:
    decider = BOOK.script("survey_opt_out")
    tree = grow(decider, {"related_to_car": False, "is_client": True, "client_name": "Иванова Анна"})
    end = way(tree.nodes, tree.start, {"survey_type": "calls"})

    assert "Ответивший клиент: Иванова Анна" in filled(end["actions"][1]["text"], CALL)
    assert filled(end["target"]["name"], {}) == "Иванова Анна"


def test_answers_that_the_script_does_not_offer_are_refused() -> None:
    with pytest.raises(BadFacts):
        grow(
            BOOK.script("survey_opt_out"),
            {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "calls_only"},
        )


def test_what_does_not_fit_is_left_for_the_server_to_be_asked() -> None:
    decider = BOOK.script("survey_opt_out")
    whole = grow(decider, {})
    tree = grow(decider, {}, largest=1)

    assert len(tree.nodes) < len(whole.nodes)
    ends = [answer["next"] for node in tree.nodes for answer in node.get("answers", ())]
    assert None in ends
    assert {**tree.nodes[tree.start], "answers": 0} == {**whole.nodes[whole.start], "answers": 0}


def test_a_tree_is_grown_once_for_what_calls_bring_along() -> None:
    trees, decider = PageTrees(), BOOK.script("survey_opt_out")

    assert trees.of(decider, {}) is trees.of(decider, {})


def test_the_reminder_of_an_unfinished_call_leaves_its_answers_to_the_page() -> None:
    node = unfinished_node(BOOK.script("survey_opt_out"), {})
    (action,) = node["actions"]
    text = filled(action["text"], {"call.phone": "+7916", "fact.client_name": "Иванова"})

    assert text.startswith("Разговор не завершён: решить вручную.")
    assert "Ответивший клиент: Иванова" in text
    assert (action["role"], node["outcome"]) == ("survey_coordinator", None)


@pytest.mark.parametrize(
    "values", [{}, {"a": "один"}, {"b": "два"}, {"a": "один", "b": "два"}, {"a": None, "b": "два"}]
)
def test_lines_filled_in_elsewhere_are_the_templates_own(values: dict[str, str | None]) -> None:
    template = Template("постоянная\n\nтолько {a}\n{a} и {b}\nконец")
    bound = template.bind({"a": "связано"}, {"a"})

    assert filled(lines(template), values) == template.fill(values)
    assert filled(lines(bound), values) == bound.fill(values)
