"""How an explanation is told in Russian: how it ended, why a condition did not hold, what would have fired a rule."""

from __future__ import annotations

from plugin.authoring.inspection.counterfactual import Change
from plugin.authoring.inspection.explain import ExplainedEntry, Explanation, Show
from plugin.deciding.decision.trace import TracedCondition, toml, written
from plugin.deciding.ruleset.value_classes import SAMPLE_TEXT
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import BadFacts, OutcomeConflict

_NEVER = "не сработает ни при каких ответах"
_NOT_FOUND = "изменений, при которых сработает, поблизости не найдено"


class ExplanationWords:
    """Words for the parts of one explanation; ``show`` masks personal data."""

    def __init__(self, explanation: Explanation, show: Show) -> None:
        self._explanation = explanation
        self._show = show
        self._script = explanation.decider.script
        self._sources = explanation.decider.sources

    def facts(self) -> str:
        """What was known."""
        facts = self._explanation.facts
        return "; ".join(f"{name} = {self._value(name, value)}" for name, value in facts.items()) or "нет"

    def failed(self, entry: ExplainedEntry) -> list[str]:
        """Each condition that did not hold, and why."""
        return [f"{written(check.condition)}: {self.reason(check)}" for check in entry.failed]

    def change(self, entry: ExplainedEntry) -> str | None:
        """What would have fired it; None where it fired."""
        if not entry.found:
            return None
        change = entry.found.change
        told = _NEVER if entry.found.exhausted else _NOT_FOUND
        return told if change is None else f"сработает, если {self._change(change)}"

    def end(self) -> str:
        """How the conversation ended, or why it did not."""
        explanation, decision = self._explanation, self._explanation.decision
        if decision is None:
            return self._fault()
        if decision.next and not decision.complete:
            asked = explanation.trace.asked[decision.next.fact].id
            return f"Разговор продолжается: вопрос «{asked}» о {decision.next.fact}"
        outcome = decision.outcome or ""
        return f"Итог: {outcome} — {explanation.decider.outcome_label(outcome)}"

    def _fault(self) -> str:
        fault, facts = self._explanation.fault, self._explanation.facts
        if isinstance(fault, BadFacts):
            wrong = (
                f"{error.field} = {self._value(error.field, facts[error.field])}, допустимо: {error.allowed}"
                for error in fault.errors
            )
            return f"Такого ответа на этом пути нет: {'; '.join(wrong)}"
        if isinstance(fault, OutcomeConflict):
            fired = self._explanation.trace.fired
            ends = [f"«{rule.id}» → {rule.outcome}" for rule in self._script.rules if rule.outcome and rule.id in fired]
            return f"Итога нет: правила спорят между собой: {', '.join(ends)}"
        return "Итога нет: на все вопросы отвечено, но ни одно правило не завершает разговор"

    def reason(self, check: TracedCondition) -> str:
        """Why a condition did not hold."""
        name = check.condition.subject
        value = self._explanation.facts.get(name)
        if check.verdict == "not_concluded":
            return _not_concluded(check)
        if check.verdict == "not_asked":
            ignored = "" if value is None else f", ответ {self._value(name, value)} не учитывается"
            return f"вопрос не задавался{ignored}"
        if check.verdict == "not_brought":
            return f"звонок не сообщил {self._sources[name]}"
        if check.verdict == "unanswered" or value is None:
            return "ответа ещё нет"
        return f"{'в звонке' if name in self._sources else 'ответ'} {self._value(name, value)}"

    def _change(self, change: Change) -> str:
        return "; ".join(f"{name}: {self._before(name)} → {self._after(value)}" for name, value in change.items())

    def _before(self, name: str) -> str:
        value = self._explanation.facts.get(name)
        return "нет" if value is None else self._value(name, value)

    def _after(self, value: FactValue | None) -> str:
        return "нет" if value is None else "любой текст" if value == SAMPLE_TEXT else toml(value)

    def _value(self, name: str, value: FactValue) -> str:
        return toml(self._show(name, value))


def _not_concluded(check: TracedCondition) -> str:
    if check.concluded:
        return "вывод другой: " + ", ".join(f'"{value}" (правило «{rule}»)' for value, rule in check.concluded)
    if not check.concluders:
        return "такого вывода не делает ни одно правило"
    rules = ", ".join(f"«{rule}»" for rule in check.concluders)
    return f"вывода нет: не сработал{'о правило' if len(check.concluders) == 1 else 'и правила'} {rules}"
