"""The smallest change of facts that would make a rule or question fire: a search over classes of values.

Breadth first by the number of changed facts. Only facts that stand in the rule's way are changed, to values that would
clear it, so that the first change found is a smallest one; bounded, and it says when it gave up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.trace import RuleTrace
from plugin.deciding.engine.network import UNKNOWN
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.model import Condition, Question, Rule
from plugin.deciding.ruleset.value_classes import examples
from plugin.deciding.ruleset.values import Facts, FactValue

#: Sets of facts looked at for one rule, and for all rules of one explanation.
MOST_FOR_ONE = 500
MOST_FOR_ALL = 3000

#: Changed facts and their new values, in the order of the conversation; None: to be unknown.
Change = Mapping[str, FactValue | None]
#: The same as a key: (fact, class).
_Key = frozenset[tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What would make an entry fire. Without a change: nothing at all (``exhausted``), or nothing within the bound."""

    change: Change | None
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class _Tried:
    """What one changed set of facts comes to. ``refused``: facts whose answer its question does not offer."""

    trace: RuleTrace
    refused: frozenset[str]


class CounterfactualSearch:
    """Searches around one set of facts; what was tried for one rule serves the others."""

    def __init__(self, decider: Decider, facts: Facts) -> None:
        self._decider = decider
        self._classes = decider.script.classes
        self._facts = facts
        self._obstacles = _Obstacles(decider.script)
        self._tried: dict[_Key, _Tried] = {}
        self._start = self._look(facts)

    def smallest(self, entry: Rule | Question) -> Counterfactual:
        """The smallest change that makes the entry fire in a conversation that its questions allow."""
        queue: deque[tuple[dict[str, FactValue | None], _Tried]] = deque([({}, self._start)])
        seen: set[_Key] = set()
        while queue:
            change, tried = queue.popleft()
            for name, value in self._steps(change, tried, entry):
                longer = change | {name: value}
                key = self._key(longer)
                if key in seen:
                    continue
                seen.add(key)
                comes_to = self._try(key, longer)
                if comes_to is None or len(seen) > MOST_FOR_ONE:
                    return Counterfactual(None)
                if entry.id in comes_to.trace.fired and not comes_to.refused:
                    return Counterfactual(_in_order(longer, comes_to.trace))
                queue.append((longer, comes_to))
        return Counterfactual(None, exhausted=True)

    def _steps(self, change: Change, tried: _Tried, entry: Rule | Question) -> Iterator[tuple[str, FactValue | None]]:
        """One fact more: one that stands in the way, or whose answer the changed conversation refuses.

        Nothing smaller is passed over: whatever makes the entry fire changes one of these, and so on.
        """
        for name in tried.trace.asked:
            if name in tried.refused and name not in change:
                for value in self._values(name, tried.trace):
                    yield name, value
        for name, condition in self._obstacles.of(entry, tried.trace):
            if name not in change:
                if UNKNOWN in condition.patterns[0].codes:
                    yield name, None
                for value in self._values(name, tried.trace):
                    if self._satisfies(value, condition):
                        yield name, value

    def _values(self, name: str, trace: RuleTrace) -> Iterator[FactValue]:
        """A value of every other class that can be answered here."""
        classes, now, question = self._classes[name], self._facts.get(name), trace.asked.get(name)
        offered = [answer.value for answer in question.answers] if question else []
        for value in offered or examples(classes):
            if now is None or classes.key(value) != classes.key(now):
                yield value

    def _satisfies(self, value: FactValue, condition: Condition) -> bool:
        classes = self._classes[condition.subject]
        codes = classes.codes(condition.subject, classes.key(value))
        return all(codes[pattern.subject] in pattern.codes for pattern in condition.patterns)

    def _try(self, key: _Key, change: Change) -> _Tried | None:
        if key not in self._tried:
            if len(self._tried) >= MOST_FOR_ALL:
                return None
            merged = {**self._facts, **change}
            self._tried[key] = self._look({name: value for name, value in merged.items() if value is not None})
        return self._tried[key]

    def _look(self, facts: Facts) -> _Tried:
        trace = self._decider.trace(facts)
        return _Tried(trace, frozenset(self._refused(trace, facts)))

    def _refused(self, trace: RuleTrace, facts: Facts) -> Iterator[str]:
        for name, question in trace.asked.items():
            key = self._classes[name].key
            if name in facts and question.answers and key(facts[name]) not in {key(a.value) for a in question.answers}:
                yield name

    def _key(self, change: Change) -> _Key:
        return frozenset((name, None if v is None else self._classes[name].key(v)) for name, v in change.items())


class _Obstacles:
    """Which conditions on facts keep a rule from firing: its own, and those of all that could lead to it."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._asking: dict[str, list[Question]] = {}
        for question in script.questions:
            self._asking.setdefault(question.fact, []).append(question)
        self._concluding: dict[tuple[str, str], list[Rule]] = {}
        for rule in script.rules:
            for conclusion in rule.conclude:
                self._concluding.setdefault(conclusion, []).append(rule)

    def of(self, entry: Rule | Question, trace: RuleTrace) -> Iterator[tuple[str, Condition]]:
        """The conditions that fail on a fact which takes part in this conversation, whatever its value."""
        open_ends: list[Rule | Question] = [entry]
        known: set[str] = {entry.id}
        while open_ends:
            for condition in open_ends.pop(0).when:
                verdict = trace.verdict(condition)
                leading: list[Rule | Question] = []
                if verdict == "not_asked":
                    leading += self._asking.get(condition.subject, ())
                elif verdict == "not_concluded":
                    wanted = sorted(condition.patterns[0].codes)
                    leading += [rule for v in wanted for rule in self._concluding.get((condition.subject, v), ())]
                elif verdict != "holds":
                    yield condition.subject, condition
                open_ends += [other for other in leading if other.id not in known]
                known.update(other.id for other in leading)


def _in_order(change: Change, trace: RuleTrace) -> dict[str, FactValue | None]:
    order = [*trace.asked, *change]
    return {name: change[name] for name in sorted(change, key=order.index)}
