"""Small scripts as content of a revision, and what is proven of them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from plugin.authoring.verification import CheckReport, ProofLimits, prove
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset import read_folder

GOOD = Path(__file__).parents[1] / "plugin/authoring/verification/bad_rules/good"


def script(questions: list[dict[str, Any]], rules: list[dict[str, Any]], **vocabulary: Any) -> dict[str, Any]:
    """The content of a revision with these questions and rules; facts that are not given are bools."""
    content = copy.deepcopy(read_folder(GOOD)[0])
    facts = vocabulary.pop("facts", {})
    for question in questions:
        facts.setdefault(question["fact"], {"type": "bool"})
        if facts[question["fact"]]["type"] == "bool":
            question["answers"] = [{"value": True, "label": "Да"}, {"value": False, "label": "Нет"}]
    facts = {name: {"label": name.upper()} | fact for name, fact in facts.items()}
    derived = {name: {"label": name, "values": values} for name, values in vocabulary.items()}
    filled = {"paragraph": "1", "hint": "?"}
    content["tiny/vocabulary.toml"] = {"fact": facts, "derived": derived}
    content["tiny/rules.toml"] = {
        "question": [{"id": f"ask-{question['fact']}"} | filled | question for question in questions],
        "rule": [{"id": f"r{number}", "paragraph": "1"} | rule for number, rule in enumerate(rules)],
    }
    return content


def proven(content: dict[str, Any], **limits: Any) -> CheckReport:
    rulebook = Rulebook.from_content(content)
    try:
        return prove(rulebook, limits=ProofLimits(**limits) if limits else None)
    finally:
        rulebook.close()


def faults(content: dict[str, Any]) -> list[str]:
    return [f"{fault.where}: {fault.what}" for fault in proven(content).faults]
