"""What came of a call and by which answer, in one sentence of the rules' own words: «Не исключён …: ответил «…» …»."""

from __future__ import annotations

import textwrap

from plugin.authoring.inspection.explain import Explanation, Show
from plugin.deciding.decision.model import Decision, TranscriptStep
from plugin.deciding.ruleset.model import Question
from plugin.errors import BadFacts, OutcomeConflict

_OUT_OF = {"calls": "звонков", "mailings": "рассылок"}
_INTO = {"calls": "звонки", "mailings": "рассылки"}
#: Of a question so many signs are quoted: an admin knows it by its beginning.
_QUOTED = 90


def sentence(explanation: Explanation, show: Show, *, decided: bool) -> str:
    """What came of the call and why. ``decided``: the call has an outcome; ``show`` masks personal data."""
    decision = explanation.decision
    if decision is None:
        return f"Не решён: {_fault(explanation)}"
    if not decision.complete:
        return f"Не завершён: {_open(explanation, decision, show)}"
    why = _why(explanation, decision, show)
    if not decided:
        label = explanation.decider.outcome_label(decision.outcome or "")
        return f"Не завершён: ответов хватает на итог «{label}», но звонок по ним не решён; {why}"
    return f"{_end(explanation, decision)}: {why}"


def _end(explanation: Explanation, decision: Decision) -> str:
    outcomes = explanation.decider.script.outcomes
    name = decision.outcome or ""
    label, outcome = explanation.decider.outcome_label(name), outcomes[name]
    ends = []
    if outcome.suppress:
        ends.append(f"исключён из {' и '.join(_OUT_OF.get(scope, scope) for scope in outcome.suppress)}")
    if outcome.release:
        ends.append(f"снова включён в {' и '.join(_INTO.get(scope, scope) for scope in outcome.release)}")
    if not ends and any(other.suppress for other in outcomes.values()):
        ends.append("не исключён")
    told = ", ".join(ends)
    return f"{told[:1].upper()}{told[1:]} (итог «{label}»)" if told else f"Итог «{label}»"


def _why(explanation: Explanation, decision: Decision, show: Show) -> str:
    """The last answer, after which nothing was left to ask."""
    if not decision.transcript:
        return "так решило то, что сообщил звонок, без вопросов"
    return _answered(explanation, decision.transcript[-1], show)


def _open(explanation: Explanation, decision: Decision, show: Show) -> str:
    asked = explanation.trace.asked[decision.next.fact] if decision.next else None
    lacks = f"нет ответа на вопрос {_quoted(asked)}" if asked else "нет итога"
    if not decision.transcript:
        return lacks
    return f"{lacks}; до этого {_answered(explanation, decision.transcript[-1], show)}"


def _answered(explanation: Explanation, step: TranscriptStep, show: Show) -> str:
    question = explanation.trace.asked[step.fact]
    label, value = question.label_of(step.answer), show(step.fact, step.answer)
    plain = {True: "да", False: "нет"}[value] if isinstance(value, bool) else str(value)
    return f"ответил «{label or plain}» на вопрос {_quoted(question)}"


def _quoted(question: Question) -> str:
    words = " ".join((question.say or question.hint or question.id).split())
    return f"«{textwrap.shorten(words, _QUOTED, placeholder='…')}»"


def _fault(explanation: Explanation) -> str:
    fault = explanation.fault
    if isinstance(fault, BadFacts):
        return "такого ответа на этом пути правила не принимают"
    if isinstance(fault, OutcomeConflict):
        return "правила спорят между собой об итоге"
    return "на все вопросы отвечено, но ни одно правило не завершает разговор"
