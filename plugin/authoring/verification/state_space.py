"""Walks through every conversation of a script, taking together those that go on alike, within limits.

Where there are more than the limits allow, the walk goes on by looking for what was not reached yet and by trying
conversations at random, so that faults are still found; what then remains is not proven.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import NamedTuple

from plugin.authoring.verification.logic import (
    ConversationState,
    ConversationStep,
    Endings,
    Logic,
    ValueBranch,
    bits,
    numbers,
    union,
)

#: The share of the time for the full walk by rules; of what is then left: that for the full walk by outcomes, and the
#: time until which what was not reached is looked for. The rest is for random conversations.
_BY_RULE, _WALK, _SEEK = 0.25, 0.5, 0.85
#: Steps taken to reach one question or rule.
_MOST_STEPS = 400
#: The node of the conversation before anything is known.
_ROOT = 0


@dataclass(frozen=True, slots=True)
class ProofLimits:
    """How far a proof of one revision goes: states of conversations a script, and seconds for all scripts.

    The seconds are those of the walk; holding it against the engine takes no longer again.
    """

    states: int = 20_000
    seconds: float = 3.0
    clock: Callable[[], float] = time.monotonic

    def shares(self, parts: int) -> Iterator[ProofLimits]:
        """The limits of each of so many parts, done one after the other: what one leaves, the next ones have."""
        began = self.clock()
        for left in range(parts, 0, -1):
            yield replace(self, seconds=(self.seconds - (self.clock() - began)) / left)


class ConversationEnd(NamedTuple):
    """The end of conversations that went alike: one of them, what it ends with, how many there are (if counted)."""

    path: tuple[ConversationStep, ...]
    ends: Endings
    conversations: int | None


class _Node(NamedTuple):
    parent: int
    step: ConversationStep | None


@dataclass(slots=True)
class Walk:
    """What was found. ``fired`` and ``holds``: entries and conditions that some conversation reaches.

    ``misplaced``: (question, the later one it depends on); ``doubled``: (question, the one that asks the same before
    it); each with a conversation.
    """

    complete: bool = True
    states: int = 0
    conversations: int | None = None
    fired: int = 0
    holds: int = 0
    misplaced: dict[tuple[int, int], tuple[ConversationStep, ...]] = field(default_factory=dict)
    doubled: dict[tuple[int, int], tuple[ConversationStep, ...]] = field(default_factory=dict)
    ends: list[ConversationEnd] = field(default_factory=list)


def walk(logic: Logic, limits: ProofLimits) -> Walk:
    """Walk through the script.

    At first conversations count as alike only if the same rules end them, so that all rules at fault are found. Where
    that leaves too many, those count that end with the same outcome.
    """
    began = limits.clock()
    by_rule = replace(limits, states=limits.states // 4, seconds=limits.seconds * _BY_RULE)
    if found := _Walker(logic, by_rule, by_rule=True).walk_all(1.0):
        return found
    left = replace(limits, seconds=limits.seconds - (limits.clock() - began))
    walker = _Walker(logic, left, by_rule=False)
    return walker.walk_all(_WALK) or walker.walk_on()


def walk_keeping(logic: Logic, limits: ProofLimits, kept: int, adding: int = 0) -> Walk | None:
    """Every conversation, told apart by these conditions and entries (``adding``) too; None where they are too many."""
    return _Walker(logic, limits, by_rule=False, kept=kept, adding=adding).walk_all(1.0)


def find_end(
    logic: Logic, limits: ProofLimits, wanted: int, is_end: Callable[[ConversationState], bool]
) -> bool | None:
    """Whether some conversation in which these conditions hold comes to such an end; None where that takes too long."""
    return _Walker(logic, limits, by_rule=False, kept=wanted).find(is_end)


class _Walker:
    def __init__(self, logic: Logic, limits: ProofLimits, *, by_rule: bool, kept: int = 0, adding: int = 0) -> None:
        self._logic = logic
        self._limits = limits
        self._began = limits.clock()
        self._found = Walk()
        self._nodes: list[_Node] = []
        self._edges: dict[int, list[tuple[int, int]]] = {}
        self._ends: dict[int, Endings] = {}
        self._by_rule = by_rule
        self._kept, self._adding = kept, adding
        # What neither a question nor a rule nor a kept condition tells apart goes on alike.
        told = kept | union(entry.needs for entry in logic.entries)
        self._calls = [_merged(branches, told) for branches in logic.call_branches]
        self._start = logic.start()
        self._look(self._add(-1, None), None, ConversationState(), self._start)

    def walk_all(self, share: float) -> Walk | None:
        """Every conversation; None if they are too many for this share of the time."""
        self._found.complete = self._walk_all(share)
        if not self._found.complete:
            return None
        ways = self._count()
        self._found.conversations = sum(ways[node] for node in self._ends)
        return self._result(ways)

    def find(self, is_end: Callable[[ConversationState], bool]) -> bool | None:
        """Whether some conversation ends so and with all kept conditions; what makes them hold is tried first."""
        known, stack = set[tuple[object, ...]](), [self._start]
        while stack:
            if len(known) > self._limits.states or self._spent() > 1:
                return None
            state = stack.pop()
            # Looked at only now: most of those that wait are never needed.
            if (signature := self._signature(state)) in known:
                continue
            known.add(signature)
            ways = self._ways(state)
            if not ways and not self._kept & ~state.holds and is_end(state):
                return True
            children = (self._go(state, step, branch) for step, branch in ways)
            going_on = (child for child in children if not self._logic.is_past(child, self._kept))
            stack += sorted(going_on, key=lambda child: (child.holds & self._kept).bit_count())
        return False

    def walk_on(self) -> Walk:
        """As many further conversations as there is time for."""
        self._seek()
        self._try_at_random()
        return self._result({})

    def _result(self, ways: Mapping[int, int]) -> Walk:
        self._found.states = len(self._nodes)
        self._found.ends = [
            ConversationEnd(self._path(node), ends, ways.get(node)) for node, ends in self._ends.items()
        ]
        return self._found

    # --- every conversation ----------------------------------------------------------------------

    def _walk_all(self, share: float) -> bool:
        known = {self._signature(self._start): _ROOT}
        stack = [(_ROOT, self._start)]
        while stack:
            if len(self._nodes) >= self._limits.states or self._spent() > share:
                return False
            node, state = stack.pop()
            children = []
            for step, branch in self._ways(state):
                child = self._go(state, step, branch)
                self._look(node, step, state, child)
                signature = self._signature(child)
                if signature not in known:
                    known[signature] = self._add(node, step)
                    children.append((known[signature], child))
                self._edges.setdefault(node, []).append((known[signature], branch.values))
            if not self._edges.get(node):
                self._ends[node] = self._logic.ends(state.fired)
            stack += reversed(children)
        return True

    def _count(self) -> dict[int, int]:
        """How many conversations come to each node."""
        ways, waiting = {_ROOT: 1}, dict.fromkeys(range(len(self._nodes)), 0)
        for edges in self._edges.values():
            for child, _ in edges:
                waiting[child] += 1
        ready = [_ROOT]
        while ready:
            node = ready.pop()
            for child, values in self._edges.get(node, ()):
                ways[child] = ways.get(child, 0) + ways[node] * values
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
        return ways

    # --- as many as possible ---------------------------------------------------------------------

    def _seek(self) -> None:
        """Look for a conversation that reaches each entry not reached yet.

        From the last one on: what lies far down the script is only reached through much of the rest.
        """
        random = Random(0)  # the same conversations each time
        for number in reversed(range(len(self._logic.entries))):
            if not self._found.fired >> number & 1 and self._spent() < _SEEK:
                self._seek_one(number, random)

    def _seek_one(self, wanted: int, random: Random) -> None:
        known: set[object] = set()
        ways = [(_ROOT, self._start, iter(self._ways(self._start)))]
        for _ in range(_MOST_STEPS):
            if not ways or self._found.fired >> wanted & 1 or self._spent() > _SEEK:
                return
            node, state, untried = ways[-1]
            step, branch = next(untried, (None, None))
            if step is None or branch is None:
                ways.pop()
                continue
            child = self._go(state, step, branch)
            self._look(node, step, state, child)
            signature = self._signature(child)
            if signature not in known and self._logic.possible(child)[0] >> wanted & 1:
                known.add(signature)
                following = self._ways(child)
                random.shuffle(following)
                ways.append((self._add(node, step), child, iter(following)))

    def _try_at_random(self) -> None:
        random = Random(0)
        most = len(self._nodes) + self._limits.states
        while self._spent() < 1 and len(self._nodes) < most:
            node, state = _ROOT, self._start
            while ways := self._ways(state):
                step, branch = random.choice(ways)
                child = self._go(state, step, branch)
                self._look(node, step, state, child)
                node, state = self._add(node, step), child
            self._ends[node] = self._logic.ends(state.fired)

    # --- steps -----------------------------------------------------------------------------------

    def _ways(self, state: ConversationState) -> list[tuple[ConversationStep, ValueBranch]]:
        """How the conversation can go on; empty where it is over."""
        logic = self._logic
        if state.calls < len(logic.calls):
            fact = logic.calls[state.calls]
            return [(ConversationStep(None, fact, branch.value), branch) for branch in self._calls[state.calls]]
        if not state.open:
            return []
        number = next(numbers(state.open))
        fact = logic.script.questions[number].fact
        return [(ConversationStep(number, fact, branch.value), branch) for branch in logic.branches[number]]

    def _go(self, state: ConversationState, step: ConversationStep, branch: ValueBranch) -> ConversationState:
        logic = self._logic
        return logic.settle_call(state, branch) if step.question is None else logic.answer(state, branch)

    def _signature(self, state: ConversationState) -> tuple[object, ...]:
        signature = self._logic.signature(state, by_rule=self._by_rule, kept=self._kept)
        return (*signature, state.fired & self._adding) if self._adding else signature

    def _look(
        self, node: int, step: ConversationStep | None, before: ConversationState, after: ConversationState
    ) -> None:
        """Note what this step reaches, and questions that come up where they should not."""
        found, entries = self._found, self._logic.entries
        found.fired |= after.fired
        found.holds |= after.holds
        asked = after.fired & ~before.fired & self._logic.questions
        for bit in bits(asked):
            number = bit.bit_length() - 1
            if step is not None and step.question is not None and number < step.question:
                found.misplaced.setdefault((number, step.question), self._path(node, step))
            if not after.open & bit:
                same = (n for n in numbers(after.fired) if n != number and entries[n].fact == entries[number].fact)
                earlier = next(same)
                found.doubled.setdefault((number, earlier), self._path(node, step))

    def _add(self, parent: int, step: ConversationStep | None) -> int:
        self._nodes.append(_Node(parent, step))
        return len(self._nodes) - 1

    def _path(self, node: int, last: ConversationStep | None = None) -> tuple[ConversationStep, ...]:
        path = [] if last is None else [last]
        while node >= 0:
            parent, step = self._nodes[node]
            path += [] if step is None else [step]
            node = parent
        return tuple(reversed(path))

    def _spent(self) -> float:
        """The share of the time that is gone."""
        return (self._limits.clock() - self._began) / self._limits.seconds if self._limits.seconds > 0 else 1.0


def _merged(branches: Sequence[ValueBranch], told: int) -> list[ValueBranch]:
    """The branches that differ in some of the conditions ``told``."""
    together: dict[int, ValueBranch] = {}
    for branch in branches:
        known = together.get(branch.holds & told)
        together[branch.holds & told] = branch if known is None else known._replace(values=known.values + branch.values)
    return list(together.values())
