"""The opt-out script written for other engines, choosing the outcome alone. All must agree with the rules."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import rule_engine
import zen
from business_rules import run_all
from business_rules.actions import BaseActions, rule_action
from business_rules.fields import FIELD_TEXT
from business_rules.variables import BaseVariables, boolean_rule_variable, string_rule_variable

Facts = dict[str, Any]
Chooser = Callable[[Facts], str]

#: How complete facts lead to an outcome; ``member`` stands for «section 1 applies» and holds where not given.
LEAVES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"member": False}, "exclude_all_not_client"),
    ({"survey_type": "calls"}, "exclude_calls"),
    ({"survey_type": "online", "agreed_to_warning": "yes"}, "exclude_mailings"),
    ({"survey_type": "online", "agreed_to_warning": "changed_mind"}, "none"),
    (
        {"survey_type": "online", "agreed_to_warning": "surveys_only", "agreed_after_explanation": True},
        "exclude_mailings",
    ),
    ({"survey_type": "online", "agreed_to_warning": "surveys_only", "agreed_after_explanation": False}, "none"),
    ({"survey_type": "all", "agreed_to_warning": "yes"}, "exclude_all"),
    ({"survey_type": "all", "agreed_to_warning": "changed_mind"}, "none"),
    ({"survey_type": "all", "agreed_to_warning": "calls_only"}, "exclude_calls"),
    ({"survey_type": "all", "agreed_to_warning": "surveys_only", "agreed_after_explanation": True}, "exclude_all"),
    ({"survey_type": "all", "agreed_to_warning": "surveys_only", "agreed_after_explanation": False}, "exclude_calls"),
)


def random_facts(count: int, seed: int = 7) -> list[Facts]:
    """Complete sets of facts, each question answered as it may be on its path."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        kind = chance.choice(["calls", "online", "all"])
        answers = ["yes", "surveys_only", "changed_mind"] + (["calls_only"] if kind == "all" else [])
        found.append(
            {
                "related_to_car": chance.random() < 0.5,
                "is_client": chance.random() < 0.5,
                "client_name": "Иванова Анна Петровна",
                "survey_type": kind,
                "agreed_to_warning": chance.choice(answers),
                "agreed_after_explanation": chance.random() < 0.5,
            }
        )
    return found


def zen_expression() -> Chooser:
    """zen-engine: one compiled expression."""
    point_2 = (
        "agreed_to_warning == 'yes' ? 'exclude_mailings' : agreed_to_warning == 'changed_mind' ? 'none' : "
        "agreed_after_explanation ? 'exclude_mailings' : 'none'"
    )
    point_3 = (
        "agreed_to_warning == 'yes' ? 'exclude_all' : agreed_to_warning == 'changed_mind' ? 'none' : "
        "agreed_to_warning == 'calls_only' ? 'exclude_calls' : agreed_after_explanation ? "
        "'exclude_all' : 'exclude_calls'"
    )
    section_1 = f"survey_type == 'calls' ? 'exclude_calls' : survey_type == 'online' ? ({point_2}) : ({point_3})"
    compiled = zen.compile_expression(f"(related_to_car or is_client) ? ({section_1}) : 'exclude_all_not_client'")
    return lambda facts: str(compiled.evaluate(facts))


def zen_table() -> Chooser:
    """zen-engine: a decision table."""
    inputs = ["related_to_car or is_client", "survey_type", "agreed_to_warning", "agreed_after_explanation"]
    names = ["member", "survey_type", "agreed_to_warning", "agreed_after_explanation"]
    rules = []
    for number, (conditions, outcome) in enumerate(LEAVES):
        cells = {f"i{i}": json.dumps(conditions[name]) if name in conditions else "" for i, name in enumerate(names)}
        if "member" not in conditions:
            cells["i0"] = "true"
        rules.append({"_id": str(number), **cells, "o": json.dumps(outcome)})
    table = {
        "hitPolicy": "first",
        "inputs": [{"id": f"i{i}", "name": name, "field": name} for i, name in enumerate(inputs)],
        "outputs": [{"id": "o", "name": "outcome", "field": "outcome"}],
        "rules": rules,
    }
    graph = {
        "nodes": [
            {"id": "in", "type": "inputNode", "name": "in"},
            {"id": "t", "type": "decisionTableNode", "name": "t", "content": table},
            {"id": "out", "type": "outputNode", "name": "out"},
        ],
        "edges": [
            {"id": "a", "type": "edge", "sourceId": "in", "targetId": "t"},
            {"id": "b", "type": "edge", "sourceId": "t", "targetId": "out"},
        ],
    }
    decision = zen.ZenEngine().create_decision(json.dumps(graph))
    return lambda facts: str(decision.evaluate(facts)["result"]["outcome"])


def rule_engine_rules() -> Chooser:
    """rule-engine: compiled rules tried one after another."""
    compiled = []
    for conditions, outcome in LEAVES:
        tests = ["(related_to_car or is_client)" if "member" not in conditions else "not (related_to_car or is_client)"]
        tests += [f"{name} == {json.dumps(value)}" for name, value in conditions.items() if name != "member"]
        compiled.append((rule_engine.Rule(" and ".join(tests)), outcome))

    def choose(facts: Facts) -> str:
        return next(outcome for rule, outcome in compiled if rule.matches(facts))

    return choose


class _Variables(BaseVariables):  # type: ignore[misc]
    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    @boolean_rule_variable  # type: ignore[untyped-decorator]
    def member(self) -> bool:
        return bool(self._facts["related_to_car"] or self._facts["is_client"])

    @string_rule_variable  # type: ignore[untyped-decorator]
    def survey_type(self) -> str:
        return str(self._facts["survey_type"])

    @string_rule_variable  # type: ignore[untyped-decorator]
    def agreed_to_warning(self) -> str:
        return str(self._facts["agreed_to_warning"])

    @boolean_rule_variable  # type: ignore[untyped-decorator]
    def agreed_after_explanation(self) -> bool:
        return bool(self._facts["agreed_after_explanation"])


class _Actions(BaseActions):  # type: ignore[misc]
    def __init__(self) -> None:
        self.outcome = ""

    @rule_action(params={"outcome": FIELD_TEXT})  # type: ignore[untyped-decorator]
    def end(self, outcome: str) -> None:
        self.outcome = outcome


def business_rules() -> Chooser:
    """business-rules: its own list of conditions and actions."""
    rules = []
    for conditions, outcome in LEAVES:
        tests = [_test(name, value) for name, value in ({"member": True} | conditions).items()]
        rules.append({"conditions": {"all": tests}, "actions": [{"name": "end", "params": {"outcome": outcome}}]})

    def choose(facts: Facts) -> str:
        actions = _Actions()
        run_all(rules, _Variables(facts), actions, stop_on_first_trigger=True)
        return actions.outcome

    return choose


def _test(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"name": name, "operator": "is_true" if value else "is_false", "value": True}
    return {"name": name, "operator": "equal_to", "value": value}
