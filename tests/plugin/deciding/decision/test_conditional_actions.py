"""Actions with ``when``, and actions that rules add to whatever outcome is reached."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from plugin.authoring.verification import CheckReport, prove
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset import read_folder
from tests.support.rules_folder import ROOT

SHIPPED = read_folder(ROOT / "rules")[0]
CALLS = {"related_to_car": True, "survey_type": "calls"}
VIP = {"type": "bool", "from": "card.vip", "label": "VIP"}


def _content(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    content: dict[str, Any] = copy.deepcopy(SHIPPED)
    content["survey_opt_out/vocabulary.toml"]["fact"]["vip"] = dict(VIP)
    content["roles.toml"]["role"]["head"] = {"label": "Руководитель", "crm_user": "h", "address": "h@example.org"}
    change(content)
    return content


def _with(when: dict[str, Any], **more: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        actions = content["survey_opt_out/outcomes.toml"]["outcome"]["exclude_calls"]["action"]
        actions.append(
            {"id": "head", "kind": "reminder", "roles": ["head"], "text": "VIP просит исключить", "when": when} | more
        )

    return change


def _decided(change: Callable[[dict[str, Any]], None], **facts: Any) -> list[str]:
    rulebook = Rulebook.from_content(_content(change))
    try:
        return [one.id for one in rulebook.script("survey_opt_out").decide(CALLS | facts).actions]
    finally:
        rulebook.close()


def _report(change: Callable[[dict[str, Any]], None]) -> CheckReport:
    rulebook = Rulebook.from_content(_content(change))
    try:
        return prove(rulebook)
    finally:
        rulebook.close()


@pytest.mark.parametrize(("facts", "done"), [({"vip": True}, True), ({"vip": False}, False), ({}, False)])
def test_an_action_is_done_where_its_conditions_hold(facts: dict[str, Any], done: bool) -> None:
    assert ("head-head" in _decided(_with({"vip": True}), **facts)) == done
    assert _report(_with({"vip": True})).faults == ()


def test_unknown_of_a_field_of_the_card_can_be_asked() -> None:
    change = _with({"vip": {"unknown": True}})

    assert "head-head" in _decided(change)
    assert "head-head" not in _decided(change, vip=True)


def test_an_action_that_no_conversation_comes_to_is_a_fault() -> None:
    faults = _report(_with({"survey_type": "online"})).faults

    assert [fault.what for fault in faults] == ["действие не выполняется ни в одном разговоре"]


@pytest.mark.parametrize(
    ("survey", "faults"), [("calls", []), ("online", ["действие не выполняется ни в одном разговоре"])]
)
def test_a_comment_that_needs_an_answer_and_a_field_is_proven_by_the_answer(survey: str, faults: list[str]) -> None:
    def change(content: dict[str, Any]) -> None:
        comment = {"id": "note", "kind": "comment", "text": "VIP", "when": {"vip": True, "survey_type": survey}}
        content["survey_opt_out/outcomes.toml"]["outcome"]["exclude_calls"]["action"].append(comment)

    assert [fault.what for fault in _report(change).faults] == faults


def test_two_reminders_for_one_role_in_one_conversation_are_a_fault_unless_they_exclude_each_other() -> None:
    twice = _report(_with({"vip": True}, roles=["survey_coordinator"])).faults
    assert len(twice) == 1
    assert "«Координатор опросов» получит и его, и «remind-survey_coordinator» за один разговор" in twice[0].what
    assert "VIP: Да" in twice[0].what or "VIP: да" in twice[0].what

    def apart(content: dict[str, Any]) -> None:
        _with({"vip": True}, roles=["survey_coordinator"])(content)
        content["survey_opt_out/outcomes.toml"]["outcome"]["exclude_calls"]["action"][1]["when"] = {
            "vip": {"unknown": True}
        }
        _with({"vip": False}, id="other", roles=["survey_coordinator"])(content)

    assert _report(apart).faults == ()


def test_two_reminders_that_are_meant_are_accepted() -> None:
    change = _with({"vip": True}, roles=["survey_coordinator"])
    (fault,) = _report(change).faults

    def accepting(content: dict[str, Any]) -> None:
        change(content)
        content["survey_opt_out/script.toml"]["accepted"] = [{"fault": fault.what, "why": "нужны оба"}]

    assert _report(accepting).faults == ()


def _adding(when: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["survey_opt_out/outcomes.toml"]["action"] = [
            {"id": "tell_head", "kind": "reminder", "roles": ["head"], "text": "VIP"}
        ]
        rule = {"id": "vip", "paragraph": "VIP", "when": when, "add": ["tell_head"]}
        content["survey_opt_out/rules.toml"]["rule"].append(rule)

    return change


def test_a_rule_adds_an_action_to_whatever_outcome_is_reached() -> None:
    change = _adding({"vip": True})

    assert _decided(change, vip=True)[-1] == "tell_head-head"
    assert "tell_head-head" not in _decided(change, vip=False)
    none = {"survey_type": "online", "agreed_to_warning": "changed_mind"}
    assert _decided(change, vip=True, **none) == ["tell_head-head"]
    assert _report(change).faults == ()


def test_an_action_that_no_rule_adds_is_a_fault() -> None:
    def change(content: dict[str, Any]) -> None:
        _adding({"vip": True})(content)
        content["survey_opt_out/rules.toml"]["rule"].pop()

    assert [fault.what for fault in _report(change).faults] == ["действие не добавляет ни одно правило"]
