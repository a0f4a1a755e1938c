"""Random scripts: what is proven by logic, conversations taken together, is what the engine does one by one."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin.authoring.verification import prove
from plugin.authoring.verification.logic import Logic, numbers
from plugin.authoring.verification.state_space import ProofLimits, walk
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.conversations import conversations
from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset import read_folder
from tests.support.examples import examples

pytestmark = pytest.mark.slow

GOOD = read_folder(Path(__file__).parent / "bad_rules" / "good")[0]

FACTS: dict[str, dict[str, Any]] = {
    "yes": {"type": "bool"},
    "kind": {"type": "choice", "values": ["a", "b", "c"]},
    "words": {"type": "text"},
    "mark": {"type": "number", "min": 0, "max": 10},
    "other": {"type": "bool"},
    "duration": {"type": "number", "from": "call.duration", "min": 0},
}
DERIVED = {"section": ["1", "2"], "point": ["1", "2", "3"]}
CONDITIONS: dict[str, list[Any]] = {
    "yes": [True, False, {"not": True}, {"known": True}, {"unknown": True}],
    "kind": ["a", ["a", "b"], {"not": "c"}, {"known": True}],
    "words": [{"contains": "дорог"}, {"not_contains": "дорог"}, {"known": True}, "ничего"],
    "mark": [{"less_than": 7}, {"at_least": 7}, {"at_least": 3, "at_most": 8}, 5],
    "other": [True, False],
    "duration": [{"less_than": 60}, {"unknown": True}, {"at_least": 60}],
    "section": ["1", "2", ["1", "2"]],
    "point": ["1", ["2", "3"], "3"],
}


@st.composite
def _when(draw: st.DrawFn, names: list[str], least: int) -> dict[str, Any]:
    chosen = draw(st.lists(st.sampled_from(names), min_size=least, max_size=3, unique=True))
    return {name: draw(st.sampled_from(CONDITIONS[name])) for name in chosen}


@st.composite
def scripts(draw: st.DrawFn) -> dict[str, Any]:
    """The content of a revision with one script: questions in an order that can be right, and any rules."""
    content = copy.deepcopy(GOOD)
    asked = draw(st.lists(st.sampled_from(sorted(set(FACTS) - {"duration"})), min_size=1, max_size=4, unique=True))
    questions = []
    for number, fact in enumerate(asked):
        before = [*asked[:number], "duration", *DERIVED]
        question = {"id": f"q{number}", "paragraph": "1", "fact": fact, "hint": "?"}
        if number:
            question["when"] = draw(_when(before, 0))
        values = FACTS[fact].get("values", [True, False]) if FACTS[fact]["type"] in ("bool", "choice") else []
        if draw(st.integers(0, 3)) == 0:
            question["optional"] = True
        if values:
            question["answers"] = [{"value": value, "label": str(value)} for value in values]
        questions.append(question)
    rules = []
    for number in range(draw(st.integers(1, 7))):
        rule: dict[str, Any] = {"id": f"r{number}", "paragraph": "1"}
        rule["when"] = draw(_when([*asked, "duration", *DERIVED], 1))
        if draw(st.booleans()):
            name = draw(st.sampled_from(sorted(DERIVED)))
            rule["conclude"] = {name: draw(st.sampled_from(DERIVED[name]))}
        if "conclude" not in rule or draw(st.booleans()):
            rule["outcome"] = draw(st.sampled_from(["nothing", "call_back"]))
        rules.append(rule)
    facts = {name: fact | {"label": name} for name, fact in FACTS.items()}
    derived = {name: {"label": name, "values": values} for name, values in DERIVED.items()}
    content["tiny/vocabulary.toml"] = {"fact": facts, "derived": derived}
    content["tiny/rules.toml"] = {"question": questions, "rule": rules}
    return content


def _one_by_one(decider: Decider) -> tuple[Counter[str], set[str]]:
    """How the engine ends every conversation, and all that fires at the end of some."""
    ends: Counter[str] = Counter()
    fired: set[str] = set()
    for conversation in conversations(decider):
        decision = conversation.decision
        ends[str(decision.outcome if decision else conversation.fault and conversation.fault.code)] += 1
        fired |= decider.fired(conversation.answers)
    return ends, fired


def _together(logic: Logic, limits: ProofLimits) -> tuple[Counter[str], set[str]]:
    walked = walk(logic, limits)
    assert walked.complete
    assert not walked.doubled
    ends: Counter[str] = Counter()
    outcomes = list(logic.script.outcomes)
    for end in walked.ends:
        kind = "outcome_conflict" if end.ends.conflict else "no_outcome"
        if end.ends.outcomes and not end.ends.conflict:
            kind = outcomes[next(numbers(end.ends.outcomes))]
        assert end.conversations
        ends[kind] += end.conversations
    return ends, {entry.id for number, entry in enumerate(logic.listed) if walked.fired >> number & 1}


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scripts())
def test_conversations_taken_together_end_as_one_by_one(content: dict[str, Any]) -> None:
    rulebook = Rulebook.from_content(content)
    decider = rulebook.script("tiny")
    try:
        assert _together(Logic(decider.script), ProofLimits(seconds=60)) == _one_by_one(decider)
    finally:
        rulebook.close()


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scripts())
def test_rules_are_found_sound_only_where_each_conversation_has_one_end_and_each_rule_its_conversation(
    content: dict[str, Any],
) -> None:
    rulebook = Rulebook.from_content(content)
    decider = rulebook.script("tiny")
    report = prove(rulebook, limits=ProofLimits(seconds=60))
    ends, fired = _one_by_one(decider)
    rulebook.close()

    told = "\n".join(str(fault) for fault in report.faults)
    assert ("ни одно правило не даёт итога" in told) == (ends["no_outcome"] > 0)
    assert ("правила спорят между собой" in told) == (ends["outcome_conflict"] > 0)
    unreached = {entry.id for entry in decider.script.entries} - fired
    assert all(f"«{name}»" in told for name in unreached)
    assert report.scripts[0].conversations == sum(ends.values())


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scripts(), st.integers(1, 12))
def test_a_walk_cut_short_never_tells_what_is_not_so_and_says_that_it_was_cut(
    content: dict[str, Any], states: int
) -> None:
    rulebook = Rulebook.from_content(content)
    decider = rulebook.script("tiny")
    whole = walk(Logic(decider.script), ProofLimits(seconds=60))
    # Cut by the number of states alone, so that a slow machine makes no difference to what is expected.
    cut = walk(Logic(decider.script), ProofLimits(states=states, seconds=60))
    report = prove(rulebook, limits=ProofLimits(states=states, seconds=0.05))
    rulebook.close()

    assert cut.complete == (cut.conversations is not None)
    assert cut.fired & ~whole.fired == 0
    assert {end.ends for end in cut.ends} <= {end.ends for end in whole.ends}
    if not cut.complete:
        assert any("не доказано" in str(fault) for fault in report.unproven)
        assert "не действует ни в одном разговоре" not in str(report.faults)
