"""Every conversation that a script allows: ask what comes next, branch on every answer, until the end.

Since a fact takes part only once it is asked for, these conversations are all there is to know about a script. Whether
they all end well, in a script of any size, is proven by ``plugin.authoring.verification``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.model import Decision, NextQuestion
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import DecisionError


@dataclass(frozen=True, slots=True)
class Conversation:
    """One way through the script: the answers in the order given, and the decision or the rules' fault at its end."""

    answers: dict[str, FactValue]
    decision: Decision | None
    fault: DecisionError | None = None


def conversations(decider: Decider) -> Iterator[Conversation]:
    """Every conversation of the script, depth first, in the order of the questions and their answers.

    Begun once for every combination of classes that the call itself can bring along, missing ones among them.
    """
    for start in _calls(decider):
        yield from _conversations_from(decider, start)


def _conversations_from(decider: Decider, start: dict[str, FactValue]) -> Iterator[Conversation]:
    open_ends = [start]
    while open_ends:
        answers = open_ends.pop()
        try:
            decision = decider.decide(answers)
        except DecisionError as fault:
            yield Conversation(answers, None, fault)
            continue
        if decision.next is None:
            yield Conversation(answers, decision)
        else:
            values = reversed(answer_values(decider, decision.next))
            open_ends.extend(answers | {decision.next.fact: value} for value in values)


def answer_values(decider: Decider, question: NextQuestion) -> list[FactValue]:
    """The answers that lead on differently: those offered, or an example of each class of values."""
    classes = decider.script.classes[question.fact]
    return [answer.value for answer in question.answers] or [classes.example(key) for key in classes.keys]


def _calls(decider: Decider) -> Iterator[dict[str, FactValue]]:
    """What a call may bring along, as far as some condition reads it."""
    script = decider.script
    whens = [*(question.when for question in script.questions), *(rule.when for rule in script.rules)]
    read = {condition.subject for when in whens for condition in when}
    names = [name for name in decider.sources if name in read]
    branches = [[None, *(script.classes[name].example(key) for key in script.classes[name].keys)] for name in names]
    for values in itertools.product(*branches):
        yield {name: value for name, value in zip(names, values, strict=True) if value is not None}
