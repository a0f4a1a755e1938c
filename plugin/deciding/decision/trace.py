"""Why each rule and question of a script fired on some facts or did not: the verdict on every one of its conditions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from plugin.deciding.engine.network import UNKNOWN
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.model import Condition, Question, Rule
from plugin.deciding.ruleset.value_classes import Listed

#: How a condition came out: it holds, or its fact has another value, has none yet, is not asked for on this path, is a
#: field that the call did not bring along, or was not concluded.
Verdict = Literal["holds", "fails", "unanswered", "not_asked", "not_brought", "not_concluded"]

#: Rules named in the hint of an error; the explanation has them all.
_MOST_IN_HINT = 8


@dataclass(frozen=True, slots=True)
class TracedCondition:
    """One condition of a rule and how it came out.

    Of a derived fact: what was ``concluded`` (value, rule), and which rules could have concluded what is wanted.
    """

    condition: Condition
    verdict: Verdict
    concluded: tuple[tuple[str, str], ...] = ()
    concluders: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return self.verdict == "holds"


class RuleTrace:
    """What happened in the engine: ``codes`` of the facts that are known, and the ids that ``fired``."""

    def __init__(self, script: Script, codes: Mapping[str, str], fired: frozenset[str]) -> None:
        self.script = script
        self.fired = fired
        self._codes = codes
        #: The facts asked for, each by the first of its questions, as the conversation goes.
        self.asked = script.asked(fired)
        self._heard = {fact.name for fact in script.facts.values() if fact.source} | self.asked.keys()
        self._concluded: dict[str, list[tuple[str, str]]] = {}
        for rule in script.rules:
            for name, value in rule.conclude if rule.id in fired else ():
                self._concluded.setdefault(name, []).append((value, rule.id))

    def checks(self, entry: Rule | Question) -> tuple[TracedCondition, ...]:
        """Every condition of the rule or question."""
        return tuple(self._check(condition) for condition in entry.when)

    def verdict(self, condition: Condition) -> Verdict:
        """How the condition came out."""
        name, patterns = condition.subject, condition.patterns
        if name in self.script.derived:
            concluded = self._concluded.get(name, ())
            return "holds" if any(value in patterns[0].codes for value, _ in concluded) else "not_concluded"
        if name not in self._heard:
            return "not_asked"
        if all(self._codes.get(pattern.subject, UNKNOWN) in pattern.codes for pattern in patterns):
            return "holds"
        if name in self._codes:
            return "fails"
        return "not_brought" if self.script.facts[name].source else "unanswered"

    def _check(self, condition: Condition) -> TracedCondition:
        verdict, name, wanted = self.verdict(condition), condition.subject, condition.patterns[0].codes
        concluded = tuple(self._concluded.get(name, ()))
        if verdict != "not_concluded":
            return TracedCondition(condition, verdict, concluded)
        concluders = [rule.id for rule in self.script.rules if any(n == name and v in wanted for n, v in rule.conclude)]
        return TracedCondition(condition, verdict, concluded, tuple(concluders))

    def nearest(self) -> list[tuple[Rule, tuple[TracedCondition, ...]]]:
        """The rules that did not fire with the conditions that failed; those that came closest first."""
        missed = [(rule, self.checks(rule)) for rule in self.script.rules if rule.id not in self.fired]
        # sorted() keeps the file's order among equals.
        ranked = sorted(missed, key=lambda item: -sum(check.holds for check in item[1]))
        return [(rule, tuple(check for check in checks if not check.holds)) for rule, checks in ranked]

    def hint(self) -> str:
        """In short, for the error that no rule ends the conversation: which rules did not fire, and why. English."""
        missed = self.nearest()
        told = [f"{rule.id} ({'; '.join(self._told(check) for check in checks)})" for rule, checks in missed]
        more = f" and {len(told) - _MOST_IN_HINT} more" if len(told) > _MOST_IN_HINT else ""
        return f"Did not fire: {', '.join(told[:_MOST_IN_HINT])}{more}. `optout rules explain --facts …` tells them all"

    def _told(self, check: TracedCondition) -> str:
        name = check.condition.subject
        if check.concluded:
            why = f"concluded {', '.join(value for value, _ in check.concluded)}"
        elif check.verdict == "fails" and isinstance(self.script.classes[name], Listed):
            why = f"is {self._codes[name]}"
        else:
            # What else a client said stays out of the errors.
            why = check.verdict.replace("_", " ")
        return f"{written(check.condition)}: {why}"


def written(condition: Condition) -> str:
    """The condition as it stands in the rules: ``survey = "x"``, ``mark = { at_least = 9 }``."""
    return f"{condition.subject} = {toml(condition.written)}"


def toml(value: Any) -> str:
    """A value as TOML writes it on one line."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {toml(inner)}' for key, inner in value.items())} }}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
