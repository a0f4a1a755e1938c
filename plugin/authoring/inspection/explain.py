"""Explains a decision: of every rule and question whether it fired and, if not, which condition failed on which value,
and the smallest change of facts that would have fired it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from plugin.authoring.inspection.counterfactual import Counterfactual, CounterfactualSearch
from plugin.deciding.decision.conversations import reach
from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.model import Decision
from plugin.deciding.decision.trace import RuleTrace, TracedCondition
from plugin.deciding.ruleset.model import Question, Rule
from plugin.deciding.ruleset.values import Facts, FactValue
from plugin.errors import BadFacts, DecisionError

#: How a fact's value is shown: as it is, or masked.
Show = Callable[[str, FactValue], FactValue]


@dataclass(frozen=True, slots=True)
class ExplainedEntry:
    """One rule or question. ``found``: what would have fired it; None where it did fire."""

    entry: Rule | Question
    fired: bool
    checks: tuple[TracedCondition, ...]
    found: Counterfactual | None

    @property
    def kind(self) -> Literal["rule", "question"]:
        return "rule" if isinstance(self.entry, Rule) else "question"

    @property
    def failed(self) -> tuple[TracedCondition, ...]:
        """The conditions that did not hold."""
        return tuple(check for check in self.checks if not check.holds)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the rules decided so on these facts.

    ``decision`` is None where they refuse an answer or do not decide; ``fault`` says which.
    """

    decider: Decider
    revision: str
    facts: Facts
    trace: RuleTrace
    decision: Decision | None
    fault: BadFacts | DecisionError | None
    entries: tuple[ExplainedEntry, ...]

    def to_json(self, show: Show = lambda _, value: value) -> dict[str, Any]:
        """The explanation for programs."""
        fault, decision = self.fault, self.decision
        return {
            "ruleset": self.revision,
            "script": self.decider.name,
            "facts": {name: show(name, value) for name, value in self.facts.items()},
            "complete": bool(decision and decision.complete),
            "outcome": decision and decision.outcome,
            "next": decision.next.fact if decision and decision.next else None,
            "error": self._fault_to_json(fault, show) if fault else None,
            "entries": [self._entry_to_json(entry, show) for entry in self.entries],
        }

    def _entry_to_json(self, entry: ExplainedEntry, show: Show) -> dict[str, Any]:
        found = entry.found
        return {
            "id": entry.entry.id,
            "kind": entry.kind,
            "paragraph": entry.entry.paragraph,
            "fired": entry.fired,
            "conditions": [self._check_to_json(check, show) for check in entry.checks],
            "change": dict(found.change) if found and found.change is not None else None,
            "never": bool(found and found.exhausted),
        }

    def _check_to_json(self, check: TracedCondition, show: Show) -> dict[str, Any]:
        name = check.condition.subject
        body: dict[str, Any] = {"subject": name, "wanted": check.condition.written, "verdict": check.verdict}
        if name in self.decider.script.derived:
            body["concluded"] = [{"value": value, "rule": rule} for value, rule in check.concluded]
            body["concluders"] = list(check.concluders)
        else:
            body["value"] = show(name, self.facts[name]) if name in self.facts else None
        return body

    def _fault_to_json(self, fault: BadFacts | DecisionError, show: Show) -> dict[str, Any]:
        if isinstance(fault, DecisionError):
            return fault.to_json()
        # The error's own text quotes what was said.
        errors = [
            {"field": error.field, "given": show(error.field, self.facts[error.field]), "allowed": error.allowed}
            for error in fault.errors
        ]
        return {"code": fault.code, "errors": errors}


def explain(decider: Decider, facts: Facts) -> Explanation:
    """Explain what the script makes of typed facts. Decides once more, and some thousand times at most to search.

    An answer that is refused on this path and a gap or conflict of the rules are explained as well, not raised.
    """
    trace, changes = decider.trace(facts), CounterfactualSearch(decider, facts)
    end = reach(decider, dict(facts))
    entries = tuple(_explained(entry, trace, changes) for entry in decider.script.entries)
    return Explanation(decider, decider.revision, facts, trace, end.decision, end.fault, entries)


def _explained(entry: Rule | Question, trace: RuleTrace, changes: CounterfactualSearch) -> ExplainedEntry:
    fired = entry.id in trace.fired
    return ExplainedEntry(entry, fired, trace.checks(entry), None if fired else changes.smallest(entry))
