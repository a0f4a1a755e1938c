"""Plans what a decision changes of its call: the call's own fields, a decision to record, and deliveries. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from connectors.kit.names import name_key
from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.model import Decision, Target
from plugin.events.calls import Call
from plugin.events.decide_call import DecidedCall
from plugin.events.load_call import CurrentDecision
from plugin.events.plan_deliveries import (
    NO_DELIVERIES,
    DeliveryPlan,
    PlanContext,
    has_unfinished_reminder,
    plan_completion,
    plan_outcome,
    plan_unfinished,
)
from plugin.events.texts import target_of


@dataclass(frozen=True, slots=True)
class NewDecision:
    """A decision to record. ``target``: whose card it is written to, where not the call's; ``card``: it is known."""

    number: int
    target: Target | None
    card: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class CallChange:
    """What is to be written about a call: ``call`` as it will be, the deliveries, and a decision if one is new."""

    decided: DecidedCall
    call: Call
    plan: DeliveryPlan = NO_DELIVERIES
    decision: NewDecision | None = None

    @property
    def decider(self) -> Decider:
        """The script that was decided by."""
        return self.decided.decider

    @property
    def is_empty(self) -> bool:
        """Whether neither a decision nor a delivery changes."""
        return self.decision is None and self.plan == NO_DELIVERIES


def plan_change(decided: DecidedCall, unfinished_after: timedelta) -> CallChange:
    """A new outcome, a completion, or an unfinished call to be reminded of, now or in ``unfinished_after``."""
    loaded, call = decided.loaded, decided.call
    call = replace(call, late=call.late or (loaded.current is None and decided.received > call.deadline_at))
    if decided.decision.complete:
        return _completed(decided, call)
    if has_unfinished_reminder(loaded.deliveries):
        return CallChange(decided, replace(call, unfinished_at=None))
    if decided.is_over:
        return _unfinished(decided, call)
    return CallChange(decided, replace(call, unfinished_at=call.last_occurred_at + unfinished_after))


def plan_overdue(decided: DecidedCall) -> CallChange:
    """What becomes of a call whose end was waited for in vain; rules activated since then may ask for less."""
    return plan_change(decided, timedelta(0)) if decided.decision.complete else _unfinished(decided, decided.call)


def _completed(decided: DecidedCall, call: Call) -> CallChange:
    current, decision = decided.loaded.current, decided.decision
    call = replace(call, unfinished_at=None)
    if current is not None and current.outcome == decision.outcome and _same_target(decision, current):
        return CallChange(decided, call, plan_completion(PlanContext.of(decided, call.decision_number)))
    number = call.decision_number + 1
    plan = plan_outcome(PlanContext.of(decided, number))
    call = replace(call, decision_number=number, outcome=decision.outcome)
    return CallChange(decided, call, plan, _new_decision(decided, number))


def _unfinished(decided: DecidedCall, call: Call) -> CallChange:
    number = call.decision_number + 1
    plan = plan_unfinished(PlanContext.of(decided, number), decided.loaded.reminded + 1)
    return CallChange(decided, replace(call, unfinished_at=None), plan, _new_decision(decided, number))


def _new_decision(decided: DecidedCall, number: int) -> NewDecision:
    current, decision = decided.loaded.current, decided.decision
    # A mere correction is written to the card that holds the comment which it corrects.
    corrects = decision.outcome is not None and current is not None and not _comments(decision)
    target = current.target if current and corrects else target_of(decision)
    known = target is not None and current is not None and _same_person(target, current.target)
    return NewDecision(number, target, current.card if current and known else None)


def _same_target(decision: Decision, current: CurrentDecision) -> bool:
    return not _comments(decision) or _same_person(target_of(decision), current.target)


def _same_person(one: Target | None, other: Target | None) -> bool:
    """Whether both are the same client; a name that is written otherwise is the same name (``name_key``)."""
    if one is None or other is None:
        return one is other
    return name_key(one.name or "") == name_key(other.name or "")


def _comments(decision: Decision) -> bool:
    return any(action.kind == "comment" for action in decision.actions)
