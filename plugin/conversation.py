"""Every conversation that a script allows: ask what comes next, branch on every answer, until the end.

Since a fact takes part only once it is asked for, these conversations are all there is to know about a script.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from plugin.decider import Decider, shown
from plugin.decision import Decision, FactValue, NextQuestion
from plugin.errors import DecisionError, Fault

#: What stands for a free text: no condition can tell two of them apart.
SAMPLE_TEXT = "…"
#: Conversations looked at before a script is called too large to enumerate.
MOST_CONVERSATIONS = 20_000


@dataclass(frozen=True, slots=True)
class Conversation:
    """One way through the script: the answers in the order given, and the decision or the rules' fault at its end."""

    answers: dict[str, FactValue]
    decision: Decision | None
    fault: DecisionError | None = None


def conversations(decider: Decider) -> Iterator[Conversation]:
    """Every conversation of the script, depth first, in the order of the questions and their answers."""
    open_ends: list[dict[str, FactValue]] = [{}]
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
            values = reversed(answer_values(decision.next))
            open_ends.extend(answers | {decision.next.fact: value} for value in values)


def answer_values(question: NextQuestion) -> list[FactValue]:
    """The answers that lead on differently: those offered, or a sample where any text will do."""
    return [answer.value for answer in question.answers] or [SAMPLE_TEXT]


def unsound(decider: Decider) -> list[Fault]:
    """The conversations that the rules do not bring to exactly one outcome, as faults for the admin.

    A script too large to enumerate is a fault as well: nothing is passed over in silence.
    """
    faults: list[Fault] = []
    for count, conversation in enumerate(conversations(decider), 1):
        if count > MOST_CONVERSATIONS:
            what = f"больше {MOST_CONVERSATIONS} разговоров: проверить все не удалось"
            return [*faults, Fault(_file(decider), 0, "разговоры", what, "уменьшите число вопросов")]
        if conversation.fault:
            faults.append(_fault(decider, conversation))
    return faults


def _fault(decider: Decider, conversation: Conversation) -> Fault:
    said = (
        ", ".join(f"{name} = {shown(value)}" for name, value in conversation.answers.items()) or "ещё ничего не сказано"
    )
    gap = conversation.fault is not None and conversation.fault.code == "no_outcome"
    what = "ни одно правило не даёт итога" if gap else f"правила спорят между собой ({conversation.fault})"
    hint = "допишите правило для этого разговора" if gap else "уточните условия так, чтобы итог был один"
    return Fault(_file(decider), 0, f"разговор «{said}»", what, hint)


def _file(decider: Decider) -> str:
    return f"{decider.name}/rules.toml"
