"""Deciding is a pure function of the rules and the facts asked for, whatever the order either is given in."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.deciding.decision.compiled_rules import Decider, Rulebook
from plugin.deciding.decision.model import Decision
from plugin.errors import BadFacts, InputError, NoOutcome, OutcomeConflict
from tests.support.examples import examples

ROOT = Path(__file__).parents[4]
SCRIPT = "survey_opt_out"

FACTS = st.fixed_dictionaries(
    {},
    optional={
        "related_to_car": st.booleans(),
        "is_client": st.booleans(),
        "client_name": st.text(st.characters(categories=("L",)), min_size=1, max_size=20),
        "survey_type": st.sampled_from(["calls", "online", "all"]),
        "agreed_to_warning": st.sampled_from(["yes", "surveys_only", "changed_mind", "calls_only"]),
        "agreed_after_explanation": st.booleans(),
    },
)


@pytest.fixture(scope="module")
def rulebook() -> Iterator[Rulebook]:
    rulebook = Rulebook.load(ROOT / "rules")
    yield rulebook
    rulebook.close()


@pytest.fixture(scope="module")
def script(rulebook: Rulebook) -> Decider:
    return rulebook.script(SCRIPT)


@pytest.fixture(scope="module")
def shuffled(rulebook: Rulebook) -> Iterator[list[Rulebook]]:
    """The same rules in five other orders."""
    books = []
    for seed in range(5):
        content = copy.deepcopy(rulebook.content)
        random.Random(seed).shuffle(content[f"{SCRIPT}/rules.toml"]["rule"])
        books.append(Rulebook.from_content(content))
    yield books
    for book in books:
        book.close()


def _decided(script: Decider, facts: dict[str, Any]) -> Decision | str:
    try:
        return script.decide(facts)._replace(ruleset="")
    except BadFacts as error:
        return str(error)


@given(facts=FACTS, data=st.data())
def test_the_order_of_facts_changes_nothing(script: Decider, facts: dict[str, Any], data: st.DataObject) -> None:
    reordered = dict(data.draw(st.permutations(list(facts.items()))))

    assert _decided(script, reordered) == _decided(script, facts)


@given(facts=FACTS)
def test_the_order_of_rules_changes_nothing(script: Decider, shuffled: list[Rulebook], facts: dict[str, Any]) -> None:
    for book in shuffled:
        assert _decided(book.script(SCRIPT), facts) == _decided(script, facts)


@given(facts=FACTS, extra=FACTS)
def test_a_fact_that_the_path_does_not_ask_for_changes_nothing(
    script: Decider, facts: dict[str, Any], extra: dict[str, Any]
) -> None:
    asked = set(script.path(facts))
    unasked = {name: value for name, value in extra.items() if name not in asked and name not in facts}

    assert _decided(script, facts | unasked) == _decided(script, facts)


@given(facts=FACTS)
@settings(max_examples=examples(50))
def test_a_decision_seen_before_equals_the_first_one(
    rulebook: Rulebook, script: Decider, facts: dict[str, Any]
) -> None:
    fresh = Decider(script.script, rulebook.revision)
    first = _decided(fresh, facts)
    fresh.close()

    assert _decided(script, facts) == first


def test_no_name_of_a_client_is_remembered(script: Decider) -> None:
    facts = {"related_to_car": False, "is_client": True, "survey_type": "calls"}

    first = script.decide(facts | {"client_name": "Первый"})
    second = script.decide(facts | {"client_name": "Второй"})

    assert "Первый" in str(first)
    assert "Первый" not in str(second)


def test_null_is_a_missing_fact(script: Decider) -> None:
    assert script.type_facts({"related_to_car": None, "survey_type": "calls"}) == {"survey_type": "calls"}


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"related_to_car": 1}, "related_to_car: given 1, allowed: true, false"),
        ({"related_to_car": "true"}, 'related_to_car: given "true", allowed: true, false'),
        ({"related_to_car": [True]}, "related_to_car: given [true], allowed: true, false"),
        ({"survey_type": "CALLS"}, 'survey_type: given "CALLS", allowed: calls, online, all'),
        ({"survey_type": True}, "survey_type: given true, allowed: calls, online, all"),
        ({"survey_type": ["calls"]}, 'survey_type: given ["calls"], allowed: calls, online, all'),
        ({"survey_type": {"a": 1}}, 'survey_type: given {"a": 1}, allowed: calls, online, all'),
        ({"client_name": "   "}, 'client_name: given "   ", allowed: text of 1 to 500 characters'),
        ({"client_name": "И" * 501}, "client_name: given"),
        ({"client_name": "Иван\nИванов"}, "without control characters"),
        ({"client_name": 42}, "client_name: given 42, allowed: text"),
        ({"survey_tipe": "calls"}, 'survey_tipe: given "calls", allowed: did you mean survey_type?'),
        ({"тип": None}, "тип: given null, allowed: facts of this script: related_to_car"),
    ],
)
def test_a_fact_of_the_wrong_kind_is_named_with_what_is_allowed(
    script: Decider, facts: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadFacts) as refused:
        script.type_facts(facts)

    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_every_wrong_fact_is_named(script: Decider) -> None:
    with pytest.raises(BadFacts) as refused:
        script.type_facts({"related_to_car": 0, "survey_type": "no", "client_name": "Анна"})

    assert [error.field for error in refused.value.errors] == ["related_to_car", "survey_type"]


def test_an_answer_that_the_question_does_not_offer_names_question_and_answers(script: Decider) -> None:
    facts = {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "calls_only"}

    with pytest.raises(BadFacts, match="allowed: yes, surveys_only, changed_mind") as refused:
        script.decide(facts)

    assert "Вы по-прежнему хотите отказаться?" in str(refused.value)
    assert refused.value.to_json()["field"] == "agreed_to_warning"


def test_an_unknown_script_names_those_there_are(rulebook: Rulebook) -> None:
    with pytest.raises(InputError, match="Scripts: survey_opt_in, survey_opt_out"):
        rulebook.script("opt_out")


def test_a_gap_in_the_rules_names_the_facts(rulebook: Rulebook) -> None:
    content = copy.deepcopy(rulebook.content)
    rules = content[f"{SCRIPT}/rules.toml"]["rule"]
    rules[:] = [rule for rule in rules if rule["id"] != "1-chosen"]
    book = Rulebook.from_content(content)

    with pytest.raises(NoOutcome, match="related_to_car=true, survey_type=calls"):
        book.script(SCRIPT).decide({"related_to_car": True, "survey_type": "calls"})
    book.close()


def test_rules_that_contradict_each_other_are_named(rulebook: Rulebook) -> None:
    content = copy.deepcopy(rulebook.content)
    rules = content[f"{SCRIPT}/rules.toml"]["rule"]
    rules.append({"id": "x", "paragraph": "-", "when": {"survey_type": "calls"}, "outcome": "none"})
    book = Rulebook.from_content(content)

    with pytest.raises(OutcomeConflict, match="1 → exclude_calls, x → none"):
        book.script(SCRIPT).decide({"related_to_car": True, "survey_type": "calls"})
    book.close()


def test_the_revision_is_of_the_content_not_of_its_layout(rulebook: Rulebook, tmp_path: Path) -> None:
    for file in (ROOT / "rules").rglob("*.toml"):
        copied = tmp_path / file.relative_to(ROOT / "rules")
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_text("# another comment\n\n" + file.read_text(encoding="utf-8"), encoding="utf-8")

    other = Rulebook.load(tmp_path)

    assert other.revision == rulebook.revision
    other.close()


def test_a_stored_revision_decides_as_the_folder_it_came_from(rulebook: Rulebook, script: Decider) -> None:
    facts = {"related_to_car": True, "survey_type": "calls"}
    stored = Rulebook.from_content(rulebook.content)

    assert stored.script(SCRIPT).decide(facts) == script.decide(facts)
    stored.close()


def test_threads_decide_alike(script: Decider, rulebook: Rulebook) -> None:
    fresh = Decider(script.script, rulebook.revision)
    space = [{"related_to_car": True, "survey_type": kind} for kind in ("calls", "online", "all")] * 200

    with ThreadPoolExecutor(8) as pool:
        decisions = list(pool.map(fresh.decide, space))

    assert decisions == [script.decide(facts) for facts in space]
    fresh.close()
