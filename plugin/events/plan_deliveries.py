"""From a decision to the deliveries that carry it out; what it replaces is taken back (contract 3.5). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from plugin.common.clock import local_time
from plugin.deciding.decision.model import Action, Target
from plugin.events.load_call import LoadedCall
from plugin.events.plan_corrections import Replaced, plan_corrections
from plugin.events.planned import DeliveryPlan, PlanContext, PlannedDelivery
from plugin.events.texts import answer_lines, target_context, with_lines
from plugin.ledger.promises import ESCALATION
from plugin.ledger.states import DeliveryKind

_UNFINISHED = "unfinished"


def plan_outcome(context: PlanContext) -> DeliveryPlan:
    """For a decision whose outcome is new: its deliveries, and the correction of what it replaces."""
    return _planned(context, context.decided.decision.actions)


def plan_unfinished(context: PlanContext) -> DeliveryPlan:
    """The reminders that a call was never finished, and the correction of what was decided before."""
    known = context.decided.loaded.decisions
    # Versions before this one left several under the same number.
    occasion = 1 + sum(one.outcome is None and one.number == context.number for one in known)
    decided = context.decided
    working = decided.decider.script.unfinished_working
    due = {"deadline": local_time(decided.due(None, working=True).at, decided.zone)} if working else {}
    answers = answer_lines(decided.decider, decided.facts, decided.decision)
    name = _UNFINISHED if occasion == 1 else f"{_UNFINISHED}:{occasion}"
    actions = [
        Action(
            id=name,
            kind="reminder",
            text=with_lines(context.text("unfinished", due), *answers),
            role=role,
            subject=context.text("unfinished_subject"),
            email=True,
            person=person,
            working=working,
        )
        for role in decided.decider.unfinished_roles
        for person in decided.decider.people(role, decided.facts)
    ]
    # The next outcome has the same number, but keys of its own.
    return _planned(context, actions, f"{name}:")


def is_reminded_of_unfinished(loaded: LoadedCall) -> bool:
    """Whether the call was left unfinished and has a reminder of it that nothing has withdrawn."""
    current = loaded.current
    withdrawn = {old.withdraws for old in loaded.deliveries if old.kind != DeliveryKind.COMPLETION}
    return (
        current is not None
        and current.outcome is None
        and any(
            old.decision_ref == current.id
            and old.is_reminder
            and not old.action.startswith(ESCALATION)
            and old.state != "cancelled"
            and old.id not in withdrawn
            for old in loaded.deliveries
        )
    )


def _planned(context: PlanContext, actions: Sequence[Action], prefix: str = "") -> DeliveryPlan:
    replaced = Replaced.by(context)
    own = tuple(row for action in actions for row in _rows(context, action, replaced))
    taken_back = plan_corrections(context, replaced, actions, prefix)
    return DeliveryPlan(own + taken_back.add, taken_back.cancel, taken_back.stop, _hurried(context, actions))


def _hurried(context: PlanContext, actions: Sequence[Action]) -> datetime | None:
    """When the first reminder is due that the calendar left no working moment for."""
    dues = [context.decided.due(one.due_in_hours, working=True) for one in actions if one.recipient and one.working]
    return min((due.at for due in dues if due.is_hurried), default=None)


def _rows(context: PlanContext, action: Action, replaced: Replaced) -> Iterable[PlannedDelivery]:
    """The action itself and, for a reminder that is to be mailed, its mails."""
    fallback = _fallback(context, action.kind, action.target)
    recipient = action.recipient
    due = context.decided.due(action.due_in_hours, working=action.working).at if recipient else None
    names = [(action.id, action.kind)]
    if recipient and action.email:
        names += [(f"{action.id}:{ending}", kind) for kind, ending in context.mails(recipient)]
    corrections = replaced.told_in_comment() if action.kind == "comment" else replaced.told("correction_reminder")
    for name, kind in names:
        yield context.planned(
            name,
            kind,
            action.text,
            role=recipient,
            subject=action.subject,
            due_at=due,
            fallback_text=fallback,
            corrections=corrections,
        )


def _fallback(context: PlanContext, kind: str, target: Target | None) -> str | None:
    return context.text(f"other_client_{kind}", target_context(target)) if target else None
