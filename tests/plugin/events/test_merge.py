"""Merging is a fold over the order of occurrence: whatever order events arrive in, the facts are the same."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.deciding.ruleset.values import FactValue
from plugin.events.merge import CallReport, merged
from tests.plugin.events.support import CALL_TIME, rulebook
from tests.support.examples import examples

_FACTS: dict[str, list[FactValue | None]] = {
    "related_to_car": [True, False, None],
    "is_client": [True, False, None],
    "client_name": ["Пётр Петров", "Анна", None],
    "survey_type": ["calls", "online", "all", None],
    "agreed_to_warning": ["yes", "surveys_only", "changed_mind", None],
    "agreed_after_explanation": [True, False, None],
}


def merge(*facts: dict[str, Any]) -> dict[str, FactValue]:
    """The facts of reports given in the order of occurrence."""
    reports = [CallReport(CALL_TIME + timedelta(minutes=n), n, said) for n, said in enumerate(facts)]
    return merged(reports, rulebook().script("survey_opt_out").path)


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ([], {}),
        ([{}], {}),
        ([{"survey_type": None}], {}),
        ([{"related_to_car": True}, {"survey_type": "calls"}], {"related_to_car": True, "survey_type": "calls"}),
        ([{"related_to_car": True}, {"related_to_car": False}], {"related_to_car": False}),
        ([{"related_to_car": True}, {"related_to_car": None}], {}),
        ([{"related_to_car": True}, {"related_to_car": None}, {"related_to_car": True}], {"related_to_car": True}),
    ],
)
def test_the_latest_answer_wins_and_null_retracts(said: list[dict[str, Any]], known: dict[str, Any]) -> None:
    assert merge(*said) == known


_ALL_EXPLAINED = {
    "related_to_car": True,
    "survey_type": "all",
    "agreed_to_warning": "surveys_only",
    "agreed_after_explanation": True,
}


@pytest.mark.parametrize(
    ("change", "known"),
    [
        ({"survey_type": "all"}, _ALL_EXPLAINED),
        ({"related_to_car": True, "survey_type": "all"}, _ALL_EXPLAINED),
        ({"survey_type": "online"}, {"related_to_car": True, "survey_type": "online"}),
        ({"survey_type": None}, {"related_to_car": True}),
        ({"related_to_car": False}, {"related_to_car": False}),
        ({"agreed_after_explanation": False}, _ALL_EXPLAINED | {"agreed_after_explanation": False}),
        (
            {"survey_type": "online", "agreed_to_warning": "surveys_only"},
            {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "surveys_only"},
        ),
        (
            {"agreed_to_warning": "changed_mind", "survey_type": "online"},
            {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "changed_mind"},
        ),
    ],
)
def test_a_changed_answer_drops_the_later_ones_of_the_old_path(change: dict[str, Any], known: dict[str, Any]) -> None:
    assert merge(_ALL_EXPLAINED, change) == known


def test_a_dropped_answer_comes_back_only_if_it_is_given_again() -> None:
    changed: list[dict[str, Any]] = [_ALL_EXPLAINED, {"survey_type": "online"}, {"survey_type": "all"}]
    assert merge(*changed) == {"related_to_car": True, "survey_type": "all"}
    assert merge(*changed, {"agreed_to_warning": "yes"})["agreed_to_warning"] == "yes"


def test_an_answer_outside_the_path_stays_when_the_path_changes() -> None:
    facts = {"related_to_car": True, "is_client": True, "survey_type": "calls"}
    assert merge(facts, {"related_to_car": False}) == {"related_to_car": False, "is_client": True}


def test_of_two_reports_of_one_moment_the_one_received_later_counts() -> None:
    path = rulebook().script("survey_opt_out").path
    one, other = (CallReport(CALL_TIME, n, {"survey_type": value}) for n, value in enumerate(["calls", "all"]))
    assert merged([other, one], path) == {"survey_type": "all"}


_REPORT = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in _FACTS.items()})


@settings(max_examples=examples(150), deadline=None)
@given(said=st.lists(_REPORT, max_size=5), data=st.data())
def test_the_order_of_arrival_makes_no_difference(said: list[dict[str, Any]], data: st.DataObject) -> None:
    path = rulebook().script("survey_opt_out").path
    reports = [CallReport(CALL_TIME + timedelta(seconds=n), n, facts) for n, facts in enumerate(said)]
    arrived = data.draw(st.permutations(reports))
    renumbered = [CallReport(report.occurred_at, n, report.facts) for n, report in enumerate(arrived)]
    assert merged(renumbered, path) == merged(reports, path)


@settings(max_examples=examples(150), deadline=None)
@given(said=st.lists(_REPORT, min_size=1, max_size=5))
def test_the_last_reports_facts_hold(said: list[dict[str, Any]]) -> None:
    known = merge(*said)
    assert all(known.get(name) == value for name, value in said[-1].items())
