"""Explains the last decision on a call by the rules that made it; masks personal data in the facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plugin.authoring.inspection.explain import Explanation, Show, explain
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.log import mask_phone, mask_text
from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset.values import Facts, FactValue
from plugin.errors import InputError
from plugin.events.facts import unfit_facts
from plugin.events.merge import CallReport, merged
from plugin.ledger.history import CallHistory

_MASK = "***"
#: Fields of the call that hold a person's name or words; others of type text (the operator, the card's type) do not.
_PRIVATE = frozenset({"name", "note", "url"})


def explained_call(history: CallHistory, rules: ActiveRules) -> Explanation:
    """Why the call was decided so, by the revision of that day; of a call without a decision, how far it got.

    Raises InputError where the ledger holds no rules that the call could be explained by.
    """
    if history.decisions:
        last = history.decisions[-1]
        decider = rules.at(last["revision"]).script(history.summary.script)
        return explain(decider, _fitting(decider, last["facts"]))
    revision = next((found for event in reversed(history.events) if (found := _revision(event))), None)
    if revision is None:
        raise InputError(f"Звонок № {history.summary.id} ещё ничем не решался", hint="Объяснять пока нечего")
    decider = rules.at(revision).script(history.summary.script)
    reports = [CallReport(event["occurred_at"], event["id"], event["facts"] or {}) for event in history.events]
    return explain(decider, _fitting(decider, merged(reports, decider.path)))


def _revision(event: Mapping[str, Any]) -> str | None:
    """The revision that the event was answered by."""
    revision: str | None = event["answer"].get("decision", {}).get("ruleset") or event["revision"]
    return revision


def _fitting(decider: Decider, facts: Facts) -> dict[str, FactValue]:
    """The facts that this revision knows: the call's other events may have been taken in by other rules."""
    unfit = unfit_facts(decider, facts)
    return decider.type_facts({name: value for name, value in facts.items() if name not in unfit})


def masking(decider: Decider) -> Show:
    """Hides what was said or written in free words, and phone numbers wherever they stand."""

    def show(name: str, value: FactValue) -> FactValue:
        if not isinstance(value, str):
            return value
        fact = decider.script.facts[name]
        field = (fact.source or "").partition(".")[2]
        if field == "phone":
            return mask_phone(value)
        return _MASK if fact.type == "text" and (not fact.source or field in _PRIVATE) else mask_text(value)

    return show
