"""Explanations: which condition failed on which value, and the smallest change that would have fired each rule."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from plugin.authoring.inspection.explain import ExplainedEntry, explain
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import BadFacts, DecisionError, NoOutcome, OutcomeConflict
from tests.support.rules_folder import ROOT, TINY, VOCABULARY, changed, tiny_folder

SCRIPT = "survey_opt_out"
ENDED: dict[str, FactValue] = {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "changed_mind"}


@pytest.fixture(scope="module")
def script() -> Iterator[Decider]:
    with closing(Rulebook.load(ROOT / "rules")) as rulebook:
        yield rulebook.script(SCRIPT)


def _entry(decider: Decider, facts: dict[str, FactValue], name: str) -> ExplainedEntry:
    return next(entry for entry in explain(decider, facts).entries if entry.entry.id == name)


def _verdicts(decider: Decider, facts: dict[str, FactValue], name: str) -> dict[str, str]:
    return {check.condition.subject: check.verdict for check in _entry(decider, facts, name).checks}


def _change(decider: Decider, facts: dict[str, FactValue], name: str) -> Any:
    found = _entry(decider, facts, name).found
    return found and found.change


# --- which condition failed ----------------------------------------------------------------------------


def test_an_answer_of_another_value_fails_and_one_not_asked_for_is_told_apart(script: Decider) -> None:
    facts: dict[str, FactValue] = {"related_to_car": True, "survey_type": "calls", "agreed_to_warning": "yes"}

    assert _verdicts(script, facts, "2-agreed") == {"survey_type": "fails", "agreed_to_warning": "not_asked"}


def test_an_answer_that_is_still_to_come_is_unanswered(script: Decider) -> None:
    assert _verdicts(script, {"related_to_car": True}, "1-chosen") == {"survey_type": "unanswered"}


def test_a_conclusion_names_the_rule_that_concluded_otherwise_and_those_that_could(script: Decider) -> None:
    (check,) = _entry(script, ENDED, "2.1").checks

    assert check.verdict == "not_concluded"
    assert check.concluded == (("2.3", "2-changed-mind"),)
    assert check.concluders == ("2-agreed", "2.2-agreed")


def test_what_fired_has_no_failed_condition_and_needs_no_change(script: Decider) -> None:
    for entry in explain(script, ENDED).entries:
        assert entry.fired == (entry.entry.id in script.fired(ENDED))
        assert entry.fired == (not entry.failed)
        assert entry.fired == (entry.found is None)
        assert entry.kind in ("rule", "question")


def test_a_refused_answer_is_explained_not_raised(script: Decider) -> None:
    facts: dict[str, FactValue] = {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "calls_only"}

    explanation = explain(script, facts)

    assert isinstance(explanation.fault, BadFacts)
    assert explanation.decision is None
    error = explanation.to_json()["error"]
    assert error == {
        "code": "bad_facts",
        "errors": [{"field": "agreed_to_warning", "given": "calls_only", "allowed": "yes, surveys_only, changed_mind"}],
    }


def test_a_gap_of_the_rules_lists_every_rule_with_the_condition_that_failed(script: Decider) -> None:
    def without_agreement(content: dict[str, Any]) -> None:
        rules = content[f"{SCRIPT}/rules.toml"]["rule"]
        rules[:] = [rule for rule in rules if rule["id"] != "2-agreed"]

    facts: dict[str, FactValue] = {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "yes"}
    with closing(changed(ROOT / "rules", without_agreement)) as rulebook:
        decider = rulebook.script(SCRIPT)
        with pytest.raises(NoOutcome) as gap:
            decider.decide(facts)
        explanation = explain(decider, facts)

    hint = gap.value.hint or ""
    # Those that came closest are named first; the rest is counted.
    assert hint.startswith("Did not fire: 2.2-agreed (agreed_after_explanation = true: not asked), 2.2-declined (")
    assert '2-changed-mind (agreed_to_warning = "changed_mind": is yes)' in hint
    assert "more. `optout rules explain --facts …` tells them all" in hint
    assert isinstance(explanation.fault, NoOutcome)
    failed = {entry.entry.id for entry in explanation.entries if entry.failed}
    assert failed == {e.id for e in explanation.decider.script.entries} - explanation.trace.fired


def test_a_gap_quotes_nothing_that_was_said_in_free_words(tmp_path: Path) -> None:
    vocabulary = '\n[fact.name]\ntype = "text"\nlabel = "Имя"\n'
    rules = """
[[question]]
id = "name"
paragraph = "3"
when = { satisfied = true }
fact = "name"
hint = "Имя"
"""
    folder = tiny_folder(tmp_path / "rules", vocabulary=vocabulary, rules=rules)
    text = (folder / "tiny/rules.toml").read_text(encoding="utf-8")
    text = text.replace("when = { satisfied = true }\noutcome", 'when = { name = { contains = "Пётр" } }\noutcome')
    (folder / "tiny/rules.toml").write_text(text, encoding="utf-8")

    with closing(Rulebook.load(folder)) as rulebook, pytest.raises(NoOutcome) as gap:
        rulebook.script("tiny").decide({"satisfied": True, "name": "Иванова Анна"})

    assert 'happy (name = { contains = "Пётр" }: fails)' in str(gap.value)
    assert "Иванова" not in str(gap.value)


def test_a_conflict_points_to_the_explanation() -> None:
    def also_none(content: dict[str, Any]) -> None:
        content["tiny/rules.toml"]["rule"].append(
            {"id": "also", "paragraph": "1", "when": {"satisfied": True}, "outcome": "call_back"}
        )

    with closing(changed(TINY, also_none)) as rulebook:
        with pytest.raises(OutcomeConflict, match="optout rules explain"):
            rulebook.script("tiny").decide({"satisfied": True})
        explanation = explain(rulebook.script("tiny"), {"satisfied": True})

    assert isinstance(explanation.fault, OutcomeConflict)


# --- the smallest change --------------------------------------------------------------------------------


def test_one_other_answer_is_enough_where_the_rest_was_given_already(script: Decider) -> None:
    facts: dict[str, FactValue] = {"related_to_car": True, "survey_type": "calls", "agreed_to_warning": "yes"}

    assert _change(script, facts, "3-agreed") == {"survey_type": "all"}


def test_a_whole_branch_is_opened_answer_by_answer(script: Decider) -> None:
    change = _change(script, {"related_to_car": True, "survey_type": "calls"}, "3.2-agreed")

    assert list(change.items()) == [
        ("survey_type", "all"),
        ("agreed_to_warning", "surveys_only"),
        ("agreed_after_explanation", True),
    ]


def test_an_answer_that_the_change_makes_impossible_is_changed_as_well(script: Decider) -> None:
    facts: dict[str, FactValue] = {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "calls_only"}

    # The question of point 2 does not offer «calls_only».
    assert set(_change(script, facts, "2-warning")) == {"survey_type", "agreed_to_warning"}


def test_a_rule_that_nothing_can_fire_is_told_so() -> None:
    def impossible(content: dict[str, Any]) -> None:
        when = {"satisfied": True, "reason": "price"}
        content["tiny/rules.toml"]["rule"].append(
            {"id": "never", "paragraph": "1", "when": when, "outcome": "call_back"}
        )

    with closing(changed(TINY, impossible)) as rulebook:
        found = _entry(rulebook.script("tiny"), {"satisfied": True}, "never").found

    assert found is not None
    assert (found.change, found.exhausted) == (None, True)


FIELDS = """
[[rule]]
id = "long"
paragraph = "3"
when = { satisfied = true, duration = { at_least = 60 } }
conclude = { complaint = "yes" }

[[rule]]
id = "unmeasured"
paragraph = "3"
when = { duration = { unknown = true } }
conclude = { complaint = "yes" }
"""


def test_fields_of_the_call_can_change_and_be_missing(tmp_path: Path) -> None:
    with closing(Rulebook.load(tiny_folder(tmp_path / "r", vocabulary=VOCABULARY, rules=FIELDS))) as rulebook:
        decider = rulebook.script("tiny")
        measured: dict[str, FactValue] = {"satisfied": True, "duration": 10}
        assert _verdicts(decider, measured, "long") == {"satisfied": "holds", "duration": "fails"}
        assert _verdicts(decider, {"satisfied": True}, "long") == {"satisfied": "holds", "duration": "not_brought"}
        assert _change(decider, measured, "long") == {"duration": 60}
        assert _change(decider, {"satisfied": True}, "long") == {"duration": 60}
        assert _change(decider, measured, "unmeasured") == {"duration": None}


def test_the_search_gives_up_within_its_bound_and_says_so() -> None:
    """Twenty questions of four answers each, and a rule that wants all of them."""
    names = [f"f{number}" for number in range(20)]

    def large(content: dict[str, Any]) -> None:
        values = ["a", "b", "c", "d"]
        fact = {"type": "choice", "values": values, "label": "x"}
        answers = [{"value": value, "label": value} for value in values]
        content["tiny/vocabulary.toml"] = {
            "fact": dict.fromkeys(names, fact),
            "derived": {"half": {"values": ["one", "two"], "label": "x"}},
        }
        halves = [dict.fromkeys(names[:10], "d"), dict.fromkeys(names[10:], "d")]
        content["tiny/rules.toml"] = {
            "question": [
                {"id": name, "paragraph": "1", "fact": name, "hint": "?", "answers": answers} for name in names
            ],
            "rule": [
                {"id": "first", "paragraph": "1", "when": halves[0], "conclude": {"half": "one"}},
                {
                    "id": "both",
                    "paragraph": "1",
                    "when": {"half": "one", **halves[1] | {"f19": "c"}},
                    "outcome": "nothing",
                },
            ],
        }

    with closing(changed(TINY, large)) as rulebook:
        decider = rulebook.script("tiny")
        far = _entry(decider, dict.fromkeys(names, "a"), "both").found
        near = _change(decider, dict.fromkeys(names, "d"), "both")

    assert far is not None
    assert (far.change, far.exhausted) == (None, False)
    assert near == {"f19": "c"}


def test_the_change_fires_the_rule_and_no_smaller_one_does(script: Decider) -> None:
    """Held against every set of facts there is."""
    _hold_against_every_set_of_facts(script, 12)


@pytest.mark.parametrize("seed", range(12))
def test_it_is_so_in_scripts_of_any_shape(seed: int) -> None:
    """With *not*, *unknown*, several ways to one conclusion, and answers that only one of two questions offers."""

    def shuffled(content: dict[str, Any]) -> None:
        content["tiny/vocabulary.toml"], content["tiny/rules.toml"] = _random_script(random.Random(seed))

    with closing(changed(TINY, shuffled)) as rulebook:
        _hold_against_every_set_of_facts(rulebook.script("tiny"), 15)


def _random_script(chance: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    facts, derived = ["f0", "f1", "f2", "f3"], ["d0", "d1"]
    values = ["a", "b", "c"]
    vocabulary = {
        "fact": {name: {"type": "choice", "values": values, "label": "x"} for name in facts},
        "derived": {name: {"values": ["x", "y"], "label": "x"} for name in derived},
    }

    def when(known: list[str]) -> dict[str, Any]:
        wanted: dict[str, Any] = {}
        for name in chance.sample(known, min(len(known), chance.randint(1, 2))):
            of_fact = [
                chance.choice(values),
                {"not": chance.choice(values)},
                {"unknown": True},
                chance.sample(values, 2),
            ]
            wanted[name] = chance.choice(["x", "y"]) if name in derived else chance.choice(of_fact)
        return wanted

    questions = [
        {
            "id": f"q{number}",
            "paragraph": "1",
            "when": when(facts[: number % 4] + derived[: number % 3]) if number % 4 else {},
            "fact": facts[number % 4],
            "hint": "?",
            "answers": [{"value": value, "label": value} for value in chance.sample(values, chance.randint(2, 3))],
        }
        for number in range(6)
    ]
    rules: list[dict[str, Any]] = [
        {
            "id": f"c{n}",
            "paragraph": "1",
            "when": when(facts),
            "conclude": {chance.choice(derived): chance.choice("xy")},
        }
        for n in range(4)
    ]
    rules += [{"id": f"e{n}", "paragraph": "1", "when": when(facts + derived), "outcome": "nothing"} for n in range(4)]
    return vocabulary, {"question": questions, "rule": rules}


def _hold_against_every_set_of_facts(script: Decider, samples: int) -> None:
    classes = script.script.classes
    names = list(script.fact_names)
    branches = [[None, *(classes[name].example(key) for key in classes[name].keys)] for name in names]
    every = [
        {name: value for name, value in zip(names, values, strict=True) if value is not None}
        for values in itertools.product(*branches)
    ]
    fires = [(facts, script.fired(facts)) for facts in every if _is_allowed(script, facts)]

    for facts in random.Random(5).sample(every, samples):
        for entry in explain(script, facts).entries:
            name = entry.entry.id
            distances = [
                sum(facts.get(fact) != other.get(fact) for fact in names) for other, fired in fires if name in fired
            ]
            if entry.found is None:
                continue
            if entry.found.change is None:
                assert entry.found.exhausted
                assert distances == []
                continue
            after = {n: v for n, v in {**facts, **entry.found.change}.items() if v is not None}
            assert name in script.fired(after)
            assert _is_allowed(script, after)
            assert len(entry.found.change) == min(distances)


def _is_allowed(script: Decider, facts: dict[str, FactValue]) -> bool:
    try:
        with suppress(DecisionError):
            script.decide(facts)
    except BadFacts:
        return False
    return True
