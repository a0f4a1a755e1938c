"""Walks through two versions of a script at once: every conversation as the old one and as the new one hold it.

Both hear the same answers. Where they ask for different things, or in another order, each goes its own way until both
have come to an end; an answer that only one of them offers leaves the other behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from plugin.authoring.inspection.tree import fault_words
from plugin.authoring.inspection.wording import literals, text_tests, wording
from plugin.deciding.decision.conversations import beginnings, depth_first, reach
from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.model import Decision
from plugin.deciding.ruleset.conditions import fits_type
from plugin.deciding.ruleset.model import Fact, OutcomeSpec, Question
from plugin.deciding.ruleset.value_classes import Classes, Intervals, TextClasses, examples
from plugin.deciding.ruleset.values import SKIPPED, FactValue
from plugin.errors import BadFacts

_Answers = Mapping[str, FactValue]


@dataclass(frozen=True, slots=True)
class PairedConversation:
    """A conversation by one version: what it asked, and its outcome or (``fault``) why it has none.

    ``card``: whose card, worded, where not the call's.
    """

    asked: tuple[Question, ...]
    outcome: OutcomeSpec | None
    fault: str | None
    card: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class ConversationPair:
    """The same answers by both versions. One that is None lacks an answer, ``missing``: (fact, value)."""

    answers: _Answers
    old: PairedConversation | None
    new: PairedConversation | None
    missing: tuple[str, FactValue] | None = None


def pairs(old: Decider, new: Decider) -> Iterator[ConversationPair]:
    """Every conversation of either version, depth first in the order of the questions. Raises EngineError only."""
    return _Walk(_Side(old), _Side(new)).pairs()


@dataclass(frozen=True, slots=True)
class _At:
    """Where one version stands: asking (``next``), at its end (``talk``), or left behind by an answer (``lost``)."""

    answers: _Answers
    next: str | None = None
    talk: PairedConversation | None = None
    lost: tuple[str, FactValue] | None = None


class _Side:
    """One version."""

    def __init__(self, decider: Decider) -> None:
        self.decider = decider
        self.script = decider.script
        self._questions = {question.id: question for question in decider.script.questions}
        self._offered: dict[str, list[FactValue]] = {}
        for question in self.script.questions:
            offered = self._offered.setdefault(question.fact, [])
            offered += [a.value for a in question.answers if not _among(a.value, offered)]

    def call_facts(self) -> Iterator[str]:
        """The facts that the call brings along, as conditions come to read them."""
        return (c.subject for c in self.script.conditions if c.subject in self.decider.sources)

    def offered(self, fact: str) -> list[FactValue]:
        """The ready answers of all questions about a fact."""
        return self._offered.get(fact, [])

    def at(self, answers: _Answers) -> _At:
        """Where these answers lead."""
        facts = {name: value for name, value in answers.items() if self._fits(name, value)}
        here = reach(self.decider, facts)
        if isinstance(here.fault, BadFacts):
            wrong = here.fault.errors[0].field
            return _At(answers, lost=(wrong, answers[wrong]))
        if here.decision is None:
            asked = tuple(self.script.asked(self.decider.fired(facts)).values())
            return _At(answers, talk=PairedConversation(asked, None, fault_words(here.fault), None))
        if here.next is None:
            return _At(answers, talk=self._ended(facts, here.decision))
        fact = here.next.fact
        return _At(answers, lost=(fact, answers[fact])) if fact in answers else _At(answers, next=fact)

    def _fits(self, name: str, value: FactValue) -> bool:
        fact = self.script.facts.get(name)
        if fact is None:
            return False
        if value is SKIPPED:
            return name in self.script.optional_facts
        if fact.type == "text":
            return isinstance(value, str)
        return _among(value, fact.listed) if fact.listed else fits_type(fact.type, value)

    def _ended(self, facts: _Answers, decision: Decision) -> PairedConversation:
        assert decision.outcome is not None
        asked = tuple(self._questions[step.rule] for step in decision.transcript)
        card = self._card(facts) if decision.actions and decision.actions[0].target else None
        done = self.decider.actions(decision.outcome, facts)
        return PairedConversation(asked, replace(self.script.outcomes[decision.outcome], actions=done), None, card)

    def _card(self, facts: _Answers) -> tuple[str, str] | None:
        spec = self.script.target(self.decider.fired(facts))
        return None if spec is None else (wording(self.script, spec.name), wording(self.script, spec.phone))


class _Walk:
    def __init__(self, old: _Side, new: _Side) -> None:
        self._old, self._new = old, new
        self._known: dict[str, list[FactValue]] = {}

    def pairs(self) -> Iterator[ConversationPair]:
        # What the call may bring along, as far as a condition of either version reads it.
        call_facts = dict.fromkeys(name for side in (self._old, self._new) for name in side.call_facts())
        for start in beginnings(call_facts, self._values):
            for old, new in depth_first(start, self._at, self._ways_on):
                yield from _pair(old.answers, old, new)

    def _at(self, answers: _Answers) -> tuple[_At, _At]:
        return self._old.at(answers), self._new.at(answers)

    def _ways_on(self, both: tuple[_At, _At]) -> tuple[str, list[FactValue]] | None:
        fact = both[0].next or both[1].next
        return None if fact is None else (fact, self._values(fact))

    def _values(self, name: str) -> list[FactValue]:
        """Answers that either version offers, or an example for all that the two can tell apart together."""
        if name not in self._known:
            found: list[FactValue] = []
            for value in self._all_values(name):
                if not _among(value, found):
                    found.append(value)
            self._known[name] = found
        return self._known[name]

    def _all_values(self, name: str) -> Iterator[FactValue]:
        sides = [side for side in (self._old, self._new) if name in side.script.facts]
        kinds = {side.script.facts[name].type for side in sides}
        for side in sides:
            fact = side.script.facts[name]
            if fact.listed:
                yield from side.offered(name) if not fact.source else fact.listed
            else:
                classes = self._together(fact, sides) if len(kinds) == 1 else side.script.classes[name]
                yield from examples(classes)
        if any(name in side.script.optional_facts for side in sides):
            yield SKIPPED

    def _together(self, fact: Fact, sides: list[_Side]) -> Classes:
        """What the conditions of both versions can tell apart."""
        if fact.type == "text":
            return TextClasses(test for side in sides for test in text_tests(side.script, fact.name))
        cuts = [cut for side in sides for cut in literals(side.script, fact.name)]
        return Intervals(fact.type, cuts, None, None)


def _pair(answers: _Answers, old: _At, new: _At) -> Iterator[ConversationPair]:
    if old.talk and new.talk:
        yield ConversationPair(answers, old.talk, new.talk)
    for mine, other, is_new in ((old, new, False), (new, old, True)):
        # An answer that was not asked for here does not make a conversation of its own.
        if mine.talk and other.lost and other.lost[0] in {question.fact for question in mine.talk.asked}:
            yield ConversationPair(answers, None if is_new else mine.talk, mine.talk if is_new else None, other.lost)


def _among(value: FactValue, values: list[FactValue] | tuple[FactValue, ...]) -> bool:
    return any(value == known and type(value) is type(known) for known in values)
