"""Compares the compiled rules with their logic: what was proven of the logic must hold for the engine."""

from __future__ import annotations

from collections.abc import Iterator

from plugin.authoring.verification import wording
from plugin.authoring.verification.findings import FaultNotes
from plugin.authoring.verification.logic import ConversationState, ConversationStep, Logic, numbers
from plugin.authoring.verification.state_space import ProofLimits, Walk
from plugin.deciding.decision.conversations import conversations
from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset.conditions import RULES_FILE
from plugin.deciding.ruleset.values import SKIPPED, Facts, FactValue
from plugin.errors import EngineError, NoOutcome, OutcomeConflict

#: As many conversations are all decided; of more, one of each kind that the walk took together.
_FEW = 200

#: The questions asked and how it ended: an outcome, ``gap`` or ``conflict`` in brackets.
_Course = tuple[tuple[str, ...] | None, str]


def hold_against_engine(decider: Decider, walk: Walk, notes: FaultNotes, limits: ProofLimits) -> None:
    """Decide the conversations by the engine; note what it decides otherwise, and what there was no time for."""
    logic = Logic(decider.script)
    file = f"{decider.name}/{RULES_FILE}"
    deadline = limits.clock() + limits.seconds
    checked = 0
    try:
        for facts in _to_decide(decider, walk):
            if limits.clock() > deadline:
                what = f"с движком сверено только разговоров: {checked}"
                notes.not_proven(file, what, "на остальное не хватило времени")
                return
            path, state = _follow(logic, facts)
            expected, found = _by_logic(logic, path, state), _by_engine(decider, facts)
            if expected != found and (None, expected[1]) != found:
                what = f"движок решает иначе: {found[1]} вместо {expected[1]}"
                hint = "это ошибка плагина: сообщите её разработчику вместе с правилами"
                notes.conversation(file, (), wording.conversation(decider.script, path), what, hint)
                return
            checked += 1
    except EngineError as error:
        notes.faults.add(file, (), f"движок правил отказал: {error}", "упростите последнее изменение правил")


def _to_decide(decider: Decider, walk: Walk) -> Iterator[Facts]:
    if walk.conversations is not None and walk.conversations <= _FEW:
        yield from (conversation.answers for conversation in conversations(decider))
    else:
        for end in walk.ends:
            yield {step.fact: _told(step) for step in end.path if step.value is not None or step.question is not None}


def _told(step: ConversationStep) -> FactValue:
    return SKIPPED if step.value is None else step.value


def _follow(logic: Logic, facts: Facts) -> tuple[list[ConversationStep], ConversationState]:
    """The conversation in which these facts are told, by the logic."""
    told = {name: None if value is SKIPPED else value for name, value in facts.items()}
    path: list[ConversationStep] = [ConversationStep(None, name, told.get(name)) for name in logic.calls]
    state = logic.after(path)
    while state.open:
        number = next(numbers(state.open))
        fact = logic.script.questions[number].fact
        if fact not in told:
            break
        path.append(ConversationStep(number, fact, told[fact]))
        state = logic.after(path)
    return path, state


def _by_logic(logic: Logic, path: list[ConversationStep], state: ConversationState) -> _Course:
    answered = [step for step in path if step.value is not None]
    questions = tuple(logic.script.questions[step.question].id for step in answered if step.question is not None)
    ends = logic.ends(state.fired)
    if state.open:
        return questions, "(не окончен)"
    if ends.conflict:
        return questions, "(спор правил)"
    names = list(logic.script.outcomes)
    return questions, names[next(numbers(ends.outcomes))] if ends.outcomes else "(нет итога)"


def _by_engine(decider: Decider, facts: Facts) -> _Course:
    try:
        decision = decider.decide(facts)
    except NoOutcome:
        return None, "(нет итога)"
    except OutcomeConflict:
        return None, "(спор правил)"
    return tuple(step.rule for step in decision.transcript), decision.outcome or "(не окончен)"
