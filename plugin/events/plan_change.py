"""Plans what a decision changes of its call: the call's own fields, a decision to record, and deliveries. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from connectors.kit.names import name_key
from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.model import Target
from plugin.events.calls import Call
from plugin.events.decide_call import DecidedCall
from plugin.events.load_call import KnownDecision
from plugin.events.plan_deliveries import is_reminded_of_unfinished, plan_outcome, plan_unfinished
from plugin.events.plan_suppression import SuppressionChange, plan_suppression
from plugin.events.planned import NO_DELIVERIES, DeliveryPlan, PlanContext
from plugin.events.texts import target_of
from plugin.ledger.promises import ESCALATION
from plugin.ledger.standing import card_id
from plugin.ledger.states import ON_CARDS


@dataclass(frozen=True, slots=True)
class NewDecision:
    """A decision to record. ``target``: whose card it is written to, where not the call's; ``card``: it is known."""

    number: int
    target: Target | None
    card: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class CallChange:
    """What is to be written about a call: ``call`` as it will be, the deliveries, and a decision if one is new.

    ``suppression``: what it says of its number.
    """

    decided: DecidedCall
    call: Call
    plan: DeliveryPlan = NO_DELIVERIES
    decision: NewDecision | None = None
    suppression: SuppressionChange | None = None

    @property
    def decider(self) -> Decider:
        """The script that was decided by."""
        return self.decided.decider

    @property
    def is_empty(self) -> bool:
        """Whether neither a decision nor a delivery changes."""
        return self.decision is None and self.plan == NO_DELIVERIES


def plan_change(decided: DecidedCall, unfinished_after: timedelta) -> CallChange:
    """A new outcome, or an unfinished call to be reminded of, now or in ``unfinished_after``."""
    loaded, call = decided.loaded, decided.call
    undecided = all(known.outcome is None for known in loaded.decisions)
    if undecided and decided.received > call.deadline_at:
        call = replace(call, late=True)
    if decided.decision.complete:
        return _completed(decided, call)
    if is_reminded_of_unfinished(loaded):
        return CallChange(decided, replace(call, unfinished_at=None))
    if decided.is_over:
        return _unfinished(decided, call)
    return CallChange(decided, replace(call, unfinished_at=call.last_occurred_at + unfinished_after))


def plan_overdue(decided: DecidedCall) -> CallChange:
    """What becomes of a call whose end was waited for in vain; rules activated since then may ask for less."""
    return plan_change(decided, timedelta(0)) if decided.decision.complete else _unfinished(decided, decided.call)


def _completed(decided: DecidedCall, call: Call) -> CallChange:
    current, decision = decided.loaded.current, decided.decision
    same = current is not None and current.outcome == decision.outcome
    if current is not None and same and not _moved(decided, current) and not _acts_otherwise(decided, current):
        said = plan_suppression(decided, call, is_new=False)
        return CallChange(decided, replace(call, unfinished_at=None), suppression=said)
    number = call.decision_number + 1
    call = replace(call, unfinished_at=None, decision_number=number, outcome=decision.outcome)
    new = _new_decision(decided, number)
    plan = plan_outcome(PlanContext.of(decided, number, new.card))
    return CallChange(decided, call, plan, new, plan_suppression(decided, call, is_new=True))


def _unfinished(decided: DecidedCall, call: Call) -> CallChange:
    number = call.decision_number + 1
    new = _new_decision(decided, number)
    plan = plan_unfinished(PlanContext.of(decided, number, new.card))
    said = plan_suppression(decided, call, is_new=True)
    return CallChange(decided, replace(call, unfinished_at=None, outcome=None), plan, new, said)


def _new_decision(decided: DecidedCall, number: int) -> NewDecision:
    """``card`` is known where an earlier decision was about the same person and its card was found."""
    target, call = target_of(decided.decision), decided.call
    if target is None and call.card_id:
        return NewDecision(number, None, None)
    same = (known.card for known in reversed(decided.loaded.decisions) if _same_person(target, known.target))
    return NewDecision(number, target, next((card for card in same if card), None))


def _moved(decided: DecidedCall, current: KnownDecision) -> bool:
    """Whether the same outcome is about another person now, or about a card that was not named before."""
    if not any(action.kind == "comment" for action in decided.decision.actions):
        return False
    target, call, card = target_of(decided.decision), decided.call, current.card
    if target is not None or current.target is not None:
        return not _same_person(target, current.target)
    return bool(call.card_id and card and not card.get("was") and (call.card_type, call.card_id) != card_id(card))


def _acts_otherwise(decided: DecidedCall, current: KnownDecision) -> bool:
    """Whether the same rules now do something else, or remind somebody else, at the same end.

    Other rules are no reason: what was decided stays as it was written.
    """
    if current.revision != decided.decision.ruleset or not decided.decider.chooses:
        return False
    planned = {(action.id, action.recipient) for action in decided.decision.actions}
    known = {
        (old.action, old.role)
        for old in decided.loaded.deliveries
        if old.decision_ref == current.id
        and old.kind in ON_CARDS
        and old.corrects is None
        and old.withdraws is None
        # What was told of the promise is none of the decision's own.
        and not old.action.startswith(ESCALATION)
    }
    return planned != known


def _same_person(one: Target | None, other: Target | None) -> bool:
    """Whether both are the same client; a name that is written otherwise is the same name (``name_key``)."""
    if one is None or other is None:
        return one is other
    return name_key(one.name or "") == name_key(other.name or "")
