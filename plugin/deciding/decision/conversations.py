"""Every conversation that a script allows: ask what comes next, branch on every answer, until the end.

Since a fact takes part only once it is asked for, these conversations are all there is to know about a script. Whether
they all end well, in a script of any size, is proven by ``plugin.authoring.verification``, which walks on its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.model import Decision, NextQuestion
from plugin.deciding.ruleset import Context, Script
from plugin.deciding.ruleset.model import Question
from plugin.deciding.ruleset.value_classes import examples
from plugin.deciding.ruleset.values import SKIPPED, FactValue
from plugin.errors import BadFacts, DecisionError

_Position = TypeVar("_Position")


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation: the answers in the order given, and what they come to, a decision or the rules' fault.

    It is over unless the decision has a next question; an optional one may have been ``SKIPPED``.
    """

    answers: dict[str, FactValue]
    decision: Decision | None
    fault: BadFacts | DecisionError | None = None

    @property
    def next(self) -> NextQuestion | None:
        """What is asked next; None where the conversation is over."""
        return self.decision.next if self.decision else None


def conversations(decider: Decider) -> Iterator[Conversation]:
    """Every conversation of the script, depth first, in the order of the questions and their answers.

    Begun once for every combination of classes that the call itself can bring along, missing ones among them.
    """

    def ways_on(here: Conversation) -> tuple[str, Sequence[FactValue]] | None:
        return None if here.next is None else (here.next.fact, ways_of(decider.script, here.next))

    classes = decider.script.classes
    for start in beginnings(decider.script.call_facts, lambda name: examples(classes[name])):
        yield from depth_first(start, lambda answers: reach(decider, answers), ways_on)


def reach(decider: Decider, answers: dict[str, FactValue], context: Context | None = None) -> Conversation:
    """Where these answers lead; ``context`` is the call's, for the texts. Raises EngineError only."""
    try:
        return Conversation(answers, decider.decide(answers, context))
    except (BadFacts, DecisionError) as fault:
        return Conversation(answers, None, fault)


def depth_first(
    start: dict[str, FactValue],
    position: Callable[[dict[str, FactValue]], _Position],
    ways_on: Callable[[_Position], tuple[str, Sequence[FactValue]] | None],
) -> Iterator[_Position]:
    """The ends of all conversations that begin with these facts, in the order of the answers.

    ``position``: where some answers lead; ``ways_on``: the fact that is asked for there and the answers to try, None at
    an end.
    """
    open_ends = [start]
    while open_ends:
        answers = open_ends.pop()
        here = position(answers)
        ways = ways_on(here)
        if ways is None:
            yield here
        else:
            fact, values = ways
            open_ends.extend({**answers, fact: value} for value in reversed(values))


def beginnings(names: Iterable[str], values_of: Callable[[str], Iterable[FactValue]]) -> Iterator[dict[str, FactValue]]:
    """What a call may bring along: every combination of these facts' values, missing ones among them."""
    names = list(names)
    for values in itertools.product(*([None, *values_of(name)] for name in names)):
        yield {name: value for name, value in zip(names, values, strict=True) if value is not None}


def answer_values(script: Script, question: NextQuestion | Question) -> list[FactValue]:
    """The answers that lead on differently: those offered, or an example of each class of values."""
    return [answer.value for answer in question.answers] or examples(script.classes[question.fact])


def ways_of(script: Script, question: NextQuestion | Question) -> list[FactValue]:
    """The answers that lead on differently, and passing over an optional question."""
    return answer_values(script, question) + ([SKIPPED] if question.optional else [])


def question_asked(script: Script, asked: NextQuestion) -> Question:
    """The question of the rules that is asked here."""
    return next(q for q in script.questions if (q.fact, q.say, q.hint, q.answers, q.optional) == tuple(asked))
