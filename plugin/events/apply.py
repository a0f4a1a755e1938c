"""Writes what was decided on a call, and plans what follows from it; runs inside the ledger's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from plugin.deciding.decision.facts import spelt
from plugin.deciding.decision.model import Decision, Target
from plugin.events.calls import Call
from plugin.events.decide_call import DecidedCall
from plugin.events.plan import (
    DeliveryPlan,
    ExistingDelivery,
    PlanContext,
    PreviousDecision,
    is_told,
    plan_completion,
    plan_outcome,
    plan_unfinished,
)
from plugin.events.queries import (
    CurrentDecision,
    occasions,
    save_decision,
    save_plan,
    standing_decision,
    written_for,
)
from plugin.events.texts import target_of


@dataclass(frozen=True, slots=True)
class CallChange:
    """What is to be written about a call.

    ``call`` as it will be; ``decides``: a decision row is written, under ``number``; ``standing``: the one before.
    """

    call: Call
    number: int
    plan: DeliveryPlan
    decides: bool
    standing: CurrentDecision | None


def move_of(connection: Connection, weighed: DecidedCall, unfinished_after: timedelta) -> CallChange:
    """What the decision changes: a new outcome, an unfinished call that was completed, or one to be waited for."""
    call = weighed.call
    stored = call.id is not None
    standing = standing_decision(connection, call) if stored else None
    written = written_for(connection, call.id) if call.id is not None else []
    call = replace(call, late=call.late or (standing is None and weighed.received > call.deadline_at))
    if weighed.decision.complete:
        return _completed(weighed, call, standing, written)
    if is_told(written):
        return CallChange(replace(call, unfinished_at=None), call.decision_number, DeliveryPlan(), False, standing)
    if weighed.final:
        return unfinished_move(connection, weighed, call, standing)
    waiting = replace(call, unfinished_at=call.last_occurred_at + unfinished_after)
    return CallChange(waiting, call.decision_number, DeliveryPlan(), False, standing)


def unfinished_move(
    connection: Connection, weighed: DecidedCall, call: Call, standing: CurrentDecision | None
) -> CallChange:
    """Remind that the call was never finished."""
    number = call.decision_number + 1
    before = occasions(connection, call.id, number) if call.id is not None else 0
    plan = plan_unfinished(_scene(weighed, call, number), before + 1)
    return CallChange(replace(call, unfinished_at=None), number, plan, True, standing)


def save_move(
    connection: Connection, weighed: DecidedCall, move: CallChange, call_ref: int, event_ref: int | None
) -> None:
    """Write the decision and its deliveries; the call itself is stored already."""
    now = weighed.received
    if move.decides:
        target = _target(weighed.decision, move.standing)
        decision_ref = save_decision(
            connection,
            call_ref,
            move.number,
            weighed.decision,
            weighed.facts,
            event=event_ref,
            target=target,
            card=_settled_card(target, move.standing),
            now=now,
        )
    elif move.standing is not None:
        decision_ref = move.standing.id
    else:
        return
    save_plan(
        connection,
        call_ref,
        decision_ref,
        move.plan,
        deadline=move.call.deadline_at,
        now=now,
        dry_run=move.call.dry_run,
    )


def _completed(
    weighed: DecidedCall, call: Call, standing: CurrentDecision | None, written: list[ExistingDelivery]
) -> CallChange:
    decision = weighed.decision
    if standing is not None and standing.outcome == decision.outcome and _same_target(decision, standing):
        plan = plan_completion(_scene(weighed, call, call.decision_number), decision, written)
        return CallChange(replace(call, unfinished_at=None), call.decision_number, plan, False, standing)
    number = call.decision_number + 1
    previous = None if standing is None else PreviousDecision(standing.outcome, standing.target)
    plan = plan_outcome(_scene(weighed, call, number), decision, previous, written)
    done = replace(call, unfinished_at=None, decision_number=number, outcome=decision.outcome)
    return CallChange(done, number, plan, True, standing)


def _scene(weighed: DecidedCall, call: Call, number: int) -> PlanContext:
    decider, received = weighed.decider, weighed.received
    return PlanContext(
        namespace=call.namespace,
        call_id=call.call_id,
        generation=call.generation,
        number=number,
        promise_hours=decider.promise_hours,
        unfinished_role=decider.unfinished_role,
        due=lambda hours: call.due(hours, received),
        modes=weighed.modes,
        say=lambda name, extra: decider.text(name, {**_answers(weighed), **weighed.context, **extra}),
        label=decider.outcome_label,
    )


def _answers(weighed: DecidedCall) -> dict[str, str]:
    """What was answered and what the call brought along, as texts name it: a ready answer by its label."""
    script, decider = weighed.decider.script, weighed.decider
    labels = {(question.id, answer.value): answer.label for question in script.questions for answer in question.answers}
    told = {name: spelt(script.facts[name], weighed.facts[name]) for name in decider.sources if name in weighed.facts}
    heard = {
        step.fact: labels.get((step.rule, step.answer)) or spelt(script.facts[step.fact], step.answer)
        for step in weighed.decision.transcript
    }
    return {f"fact.{name}": text for name, text in (told | heard).items()}


def _target(decision: Decision, standing: CurrentDecision | None) -> Target | None:
    """Whose card it is written to; a mere correction goes where the comment stands that it corrects."""
    if decision.outcome is None or standing is None or _comments(decision):
        return target_of(decision)
    return standing.target


def _settled_card(target: Target | None, standing: CurrentDecision | None) -> Mapping[str, Any] | None:
    """The card found for the same person before, so that a correction stands beside what it corrects."""
    if target is None or standing is None or not _same_person(target, standing.target):
        return None
    return standing.card


def _same_target(decision: Decision, standing: CurrentDecision) -> bool:
    return not _comments(decision) or _same_person(target_of(decision), standing.target)


def _same_person(one: Target | None, other: Target | None) -> bool:
    """Whether both are the same client; a name in another spelling of blanks and case is the same name."""
    if one is None or other is None:
        return one is other
    return _folded(one.name) == _folded(other.name)


def _folded(name: str | None) -> str:
    return " ".join((name or "").split()).casefold()


def _comments(decision: Decision) -> bool:
    return any(action.kind == "comment" for action in decision.actions)
