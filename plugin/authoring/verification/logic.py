"""A script as bare logic: which answers make which questions and rules fire, without the engine.

What fires only grows as answers are added: *unknown* of a fact that a question asks holds only where an optional
question was passed over. Sets of entries, conditions and facts are the bits of whole numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from plugin.deciding.decision.conversations import answer_values
from plugin.deciding.engine.network import UNKNOWN
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.model import Condition, Question, Rule
from plugin.deciding.ruleset.value_classes import examples
from plugin.deciding.ruleset.values import FactValue


class ConversationState(NamedTuple):
    """A conversation so far.

    ``holds``: the conditions that hold; ``fired``: the entries; ``open``: the questions asked and not answered;
    ``asked``: the facts of all questions asked; ``calls``: how many fields of the call are settled.
    """

    holds: int = 0
    fired: int = 0
    open: int = 0
    asked: int = 0
    calls: int = 0


class ValueBranch(NamedTuple):
    """Values of a fact that no condition tells apart: one of them (None: missing), what then holds, and how many."""

    value: FactValue | None
    holds: int
    values: int


class ConversationStep(NamedTuple):
    """One step of a conversation. ``question`` is None for a field of the call.

    ``value`` is None where the field is missing, or an optional question was passed over.
    """

    question: int | None
    fact: str
    value: FactValue | None


class Endings(NamedTuple):
    """The outcomes and the targets that the rules fired so far give."""

    outcomes: int
    targets: int

    @property
    def conflict(self) -> bool:
        return self.outcomes.bit_count() > 1 or self.targets.bit_count() > 1


NO_ENDS = Endings(0, 0)


@dataclass(frozen=True, slots=True)
class LogicEntry:
    """A question or a rule: the conditions it needs, and those that it makes hold or can make hold."""

    needs: int
    gives: int
    fact: int = 0
    ends: Endings = NO_ENDS


class Logic:
    """The logic of one script. Its entries are the questions, then the rules, in the order of the file."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.listed = script.entries
        patterns = dict.fromkeys(p for c in script.conditions for p in c.patterns)
        self._bits = {pattern: 1 << number for number, pattern in enumerate(patterns)}
        self._told: dict[tuple[str, str], int] = defaultdict(int)
        for pattern, bit in self._bits.items():
            for code in pattern.codes:
                self._told[pattern.subject, code] |= bit
        self.questions = (1 << len(script.questions)) - 1
        self.branches = [
            self._branches(question.fact, [*answer_values(script, question), *([None] if question.optional else [])])
            for question in script.questions
        ]
        self.calls = script.call_facts
        self.call_branches = [self._branches(name, [None, *examples(script.classes[name])]) for name in self.calls]
        self.entries = [*self._questions(), *self._rules()]
        self._ending = union(1 << n for n, entry in enumerate(self.entries) if any(entry.ends))
        self._needing: dict[int, list[int]] = defaultdict(list)
        for number, entry in enumerate(self.entries):
            for bit in bits(entry.needs):
                self._needing[bit].append(number)

        self._answered_by = {bit: entry.fact for entry in self.entries if entry.fact for bit in bits(entry.gives)}
        self._settled_by = {
            bit: number
            for number, branches in enumerate(self.call_branches)
            for bit in bits(union(branch.holds for branch in branches))
        }

    def condition(self, condition: Condition) -> int:
        """The bits of a condition."""
        return union(self._bits[pattern] for pattern in condition.patterns)

    # --- going on --------------------------------------------------------------------------------

    def start(self) -> ConversationState:
        """The conversation before anything is known."""
        at_once = [number for number, entry in enumerate(self.entries) if not entry.needs]
        return self._fire(ConversationState(), 0, at_once)

    def settle_call(self, state: ConversationState, branch: ValueBranch) -> ConversationState:
        """The next field of the call is this, or missing."""
        return self._fire(state._replace(calls=state.calls + 1), branch.holds)

    def answer(self, state: ConversationState, branch: ValueBranch) -> ConversationState:
        """The first open question is answered with this."""
        return self._fire(state._replace(open=state.open & (state.open - 1)), branch.holds)

    def after(self, path: Iterable[ConversationStep]) -> ConversationState:
        """The conversation after these steps."""
        state = self.start()
        for step in path:
            branch = ValueBranch(step.value, self._holding(step.fact, step.value), 1)
            state = self.settle_call(state, branch) if step.question is None else self.answer(state, branch)
        return state

    def _fire(self, state: ConversationState, holds: int, trace: Iterable[int] = ()) -> ConversationState:
        """What follows when more conditions hold, or when these entries fire."""
        queue = list(trace)
        all_hold, fired = state.holds | holds, state.fired | union(1 << number for number in queue)
        fresh = holds & ~state.holds
        while fresh or queue:
            for number in queue:
                entry = self.entries[number]
                if not entry.fact:
                    fresh |= entry.gives & ~all_hold
                    all_hold |= entry.gives
            queue.clear()
            if fresh:
                bit = fresh & -fresh
                fresh ^= bit
                for number in self._needing[bit]:
                    if not (self.entries[number].needs & ~all_hold or fired >> number & 1):
                        fired |= 1 << number
                        queue.append(number)
        asked, open_ = state.asked, state.open
        for bit in bits(fired & ~state.fired & self.questions):
            fact = self.entries[bit.bit_length() - 1].fact
            if not asked & fact:
                asked, open_ = asked | fact, open_ | bit
        return ConversationState(all_hold, fired, open_, asked, state.calls)

    # --- looking at a conversation ---------------------------------------------------------------

    def ends(self, fired: int) -> Endings:
        """What the rules among these entries end with."""
        outcomes = targets = 0
        for number in numbers(fired & self._ending):
            ends = self.entries[number].ends
            outcomes, targets = outcomes | ends.outcomes, targets | ends.targets
        return Endings(outcomes, targets)

    def possible(self, state: ConversationState) -> tuple[int, int, int]:
        """The entries that may still fire, the conditions they need, and the facts they ask for.

        Some of them may be kept from firing by answers that do not go together; no other entry can fire.
        """
        could = state.holds
        for bit in bits(state.open):
            could |= self.entries[bit.bit_length() - 1].gives
        for branches in self.call_branches[state.calls :]:
            could |= union(branch.holds for branch in branches)
        entries, needs, facts, fresh = 0, 0, 0, could
        while fresh:
            bit = fresh & -fresh
            fresh ^= bit
            for number in self._needing[bit]:
                entry = self.entries[number]
                if entry.needs & ~could or (state.fired | entries) >> number & 1:
                    continue
                entries, needs, facts = entries | 1 << number, needs | entry.needs, facts | entry.fact
                if not entry.fact & state.asked:
                    fresh |= entry.gives & ~could
                    could |= entry.gives
        return entries, needs, facts

    def is_past(self, state: ConversationState, wanted: int) -> bool:
        """Whether one of these conditions can hold no more: its fact is known by now, and it did not hold on it."""
        missing = wanted & ~state.holds
        unanswered = union(self.entries[bit.bit_length() - 1].fact for bit in bits(state.open))
        known = state.asked & ~unanswered
        return any(
            self._answered_by.get(bit, 0) & known or self._settled_by.get(bit, state.calls) < state.calls
            for bit in bits(missing)
        )

    def signature(self, state: ConversationState, *, by_rule: bool, kept: int = 0) -> tuple[object, ...]:
        """What the rest of the conversation depends on: states that agree in it go on alike and end alike.

        ``by_rule``: the same rules end them, not only with the same outcome. ``kept``: conditions that are to be told
        apart besides, those that choose among actions and people.
        """
        entries, needs, facts = self.possible(state)
        ends = state.fired & self._ending if by_rule else self.ends(state.fired)
        return state.calls, state.open, ends, entries, state.holds & (needs | kept), state.asked & facts

    # --- building --------------------------------------------------------------------------------

    def _questions(self) -> Iterator[LogicEntry]:
        facts = {name: 1 << number for number, name in enumerate(self.script.facts)}
        for question, branches in zip(self.script.questions, self.branches, strict=True):
            yield LogicEntry(self._needs(question), union(branch.holds for branch in branches), facts[question.fact])

    def _rules(self) -> Iterator[LogicEntry]:
        outcomes: dict[object, int] = {None: 0} | {name: 1 << n for n, name in enumerate(self.script.outcomes)}
        targets: dict[object, int] = {None: 0}
        for rule in self.script.rules:
            target = targets.setdefault(rule.target, 1 << len(targets))
            gives = union(self._told.get(told, 0) for told in rule.conclude)
            yield LogicEntry(self._needs(rule), gives, ends=Endings(outcomes[rule.outcome], target))

    def _needs(self, item: Question | Rule) -> int:
        return union(self.condition(condition) for condition in item.when)

    def _branches(self, fact: str, values: Iterable[FactValue | None]) -> list[ValueBranch]:
        together: dict[int, ValueBranch] = {}
        for value in values:
            holds = self._holding(fact, value)
            branch = together.get(holds, ValueBranch(value, holds, 0))
            together[holds] = branch._replace(values=branch.values + 1)
        return list(together.values())

    def _holding(self, fact: str, value: FactValue | None) -> int:
        """The conditions that hold on this value of a fact."""
        classes = self.script.classes[fact]
        if value is None:
            codes: Mapping[str, str] = dict.fromkeys(classes.codes(fact, classes.keys[0]), UNKNOWN)
        else:
            codes = classes.codes(fact, classes.key(value))
        return union(self._told.get(told, 0) for told in codes.items())


def bits(number: int) -> Iterator[int]:
    """The bits that are set, lowest first."""
    while number:
        bit = number & -number
        yield bit
        number ^= bit


def numbers(number: int) -> Iterator[int]:
    """The positions of the bits that are set, lowest first."""
    return (bit.bit_length() - 1 for bit in bits(number))


def union(parts: Iterable[int]) -> int:
    """All bits of the parts."""
    together = 0
    for part in parts:
        together |= part
    return together
