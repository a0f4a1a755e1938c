"""What a case expects to be told if nobody does what was promised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.model import Decision
from plugin.deciding.ruleset.cases import Case
from plugin.deciding.ruleset.model import EscalationStep
from plugin.deciding.ruleset.people import are_recipients, recipient_of
from plugin.deciding.ruleset.template import Template
from plugin.deciding.ruleset.values import FactValue

_TEXTS = {"subject": "заголовок", "text": "текст"}


def escalation_differences(
    decider: Decider, case: Case, facts: Mapping[str, FactValue], decision: Decision
) -> Iterator[str]:
    """Every such expectation that is not met, in Russian. A step that tells nobody anything is not expected."""
    if case.expected.escalation is None:
        return
    steps = {step.id: step for step in decider.script.escalation}
    told = {name: who for name, step in steps.items() if (who := people_told(decider, step, facts, decision))}
    named = [one["step"] for one in case.expected.escalation]
    for one in case.expected.escalation:
        step, who = steps[one["step"]], told.get(one["step"], [])
        if not are_recipients(one["to"], who):
            got = ", ".join(who) or "никто"
            yield f"шаг «{step.id}»: ожидалось, что узнает: {', '.join(one['to'])}, узнает: {got}"
        if one["hours"] not in (None, step.hours):
            yield f"шаг «{step.id}»: ожидалось часов от срока {one['hours']}, получено {step.hours}"
        for key, what in _TEXTS.items():
            if one[key] is not None and not one[key].fits(written := as_written(getattr(step, key))):
                yield f"шаг «{step.id}»: ожидался другой {what}, получен «{written}»"
    for name, who in told.items():
        if name not in named:
            yield f"шаг «{name}» не назван, а по нему узнает: {', '.join(who)}"


def as_written(text: Template) -> str:
    """The text with its placeholders as the rules have them."""
    return text.fill({name: f"{{{name}}}" for name in text.names})


def people_told(
    decider: Decider, step: EscalationStep, facts: Mapping[str, FactValue], decision: Decision
) -> list[str]:
    """Who is told by a step, as deliveries name them."""
    reminded = [action.recipient for action in decision.actions if action.recipient]
    if not reminded or not step.roles:
        return list(dict.fromkeys(reminded))
    return [recipient_of(role, person) for role in step.roles for person in decider.people(role, facts)]
