"""From a decision to the deliveries that carry it out, and to what becomes of earlier ones (contract 3.5). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from connectors.kit.reference_mark import reference_mark
from plugin.deciding.decision.model import Action, Target
from plugin.events.decide_call import DecidedCall
from plugin.events.load_call import ExistingDelivery
from plugin.events.texts import answer_lines, delivery_key, fact_context, target_context, with_lines

#: Kinds of mail by a role's e-mail mode, with the ending of their action's id.
_MAILS: Mapping[str, Sequence[tuple[str, str]]] = {
    "smtp": [("smtp_email", "smtp")],
    "crm": [("crm_email", "crm")],
    "both": [("smtp_email", "smtp"), ("crm_email", "crm")],
}
_MAIL_KINDS = frozenset({"smtp_email", "crm_email"})
_NOT_ON_ITS_WAY = frozenset({"pending", "waiting", "parked"})
_UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class PlanContext:
    """The decided call that deliveries are planned for; ``number`` is the decision's."""

    decided: DecidedCall
    number: int
    placeholders: Mapping[str, str | None]

    @classmethod
    def of(cls, decided: DecidedCall, number: int) -> PlanContext:
        answers = fact_context(decided.decider, decided.facts, decided.decision)
        return cls(decided, number, {**answers, **decided.context})

    def text(self, name: str, more: Mapping[str, str | None] | None = None) -> str:
        """One of the script's own texts, filled in."""
        return self.decided.decider.text(name, {**self.placeholders, **(more or {})})

    def due(self, hours: int | None) -> datetime:
        """When something is due within ``hours`` of the call, by default those of the promise."""
        return self.decided.call.due(hours or self.decided.decider.promise_hours, self.decided.received)

    def mails(self, role: str) -> Sequence[tuple[str, str]]:
        """The kinds of mail for a role; one that is known no more is mailed all the same: parked, it is noticed."""
        return _MAILS[self.decided.modes.get(role, "smtp")]

    def replaced(self, outcome: str | None) -> dict[str, str | None]:
        """The placeholders of a correction that replaces this outcome, or an unfinished call's reminder."""
        label, decision = self.decided.decider.outcome_label, self.decided.decision
        return {
            "previous.outcome": label(outcome) if outcome else self.text("unfinished_subject"),
            "outcome": label(decision.outcome) if decision.outcome else None,
        }


@dataclass(frozen=True, slots=True)
class PlannedDelivery:
    """A delivery to be: the columns of the ledger that differ from row to row."""

    key: str
    action: str
    kind: str
    role: str | None
    subject: str | None
    text: str
    fallback_text: str | None
    due_at: datetime | None
    withdraws: int | None = None

    def columns(self) -> dict[str, Any]:
        """The columns by name."""
        return {name: getattr(self, name) for name in _PLANNED}


_PLANNED = tuple(field.name for field in fields(PlannedDelivery))


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """What to add; which earlier deliveries are cancelled, and which, perhaps on their way, are asked to stop."""

    add: tuple[PlannedDelivery, ...] = ()
    cancel: tuple[int, ...] = ()
    stop: tuple[int, ...] = ()


NO_DELIVERIES = DeliveryPlan()


def plan_outcome(context: PlanContext) -> DeliveryPlan:
    """For a decision whose outcome is new: its deliveries, and the correction of what it replaces."""
    decision, current = context.decided.decision, context.decided.loaded.current
    existing = context.decided.loaded.deliveries
    change = context.replaced(current.outcome if current else None)
    correction = context.text("correction", change) if current else ""
    add = [row for action in decision.actions for row in _rows(context, action, correction)]
    if current and all(action.kind != "comment" for action in decision.actions):
        text, fallback = context.text("correction_comment", change), _fallback(context, "comment", current.target)
        add.append(_row(context, "correction", "comment", text, fallback=fallback))
    roles = frozenset(action.role for action in decision.actions if action.role)
    cancel, stop = _halted(existing, roles)
    lacking = [old for old in existing if old.is_reminder and (old.outcome is None or old.role not in roles)]
    add += _withdrawals(context, lacking, cancel)
    return DeliveryPlan(tuple(add), tuple(cancel), tuple(stop))


def plan_completion(context: PlanContext) -> DeliveryPlan:
    """For a call that ends in the outcome it had before it was left unfinished: only that reminder goes."""
    unfinished = [old for old in context.decided.loaded.deliveries if old.outcome is None]
    cancel, stop = _halted(unfinished, frozenset())
    reminders = [old for old in unfinished if old.is_reminder]
    return DeliveryPlan(tuple(_withdrawals(context, reminders, cancel)), tuple(cancel), tuple(stop))


def plan_unfinished(context: PlanContext, occasion: int) -> DeliveryPlan:
    """The reminder that a call was never finished; ``occasion`` counts those under the same decision number from 1."""
    decided = context.decided
    answers = answer_lines(decided.decider, decided.facts, decided.decision)
    action = Action(
        id=_UNFINISHED if occasion == 1 else f"{_UNFINISHED}:{occasion}",
        kind="reminder",
        text=with_lines(context.text("unfinished"), *answers),
        role=context.decided.decider.unfinished_role,
        subject=context.text("unfinished_subject"),
        email=True,
    )
    return DeliveryPlan(tuple(_rows(context, action, "")))


def has_unfinished_reminder(existing: Sequence[ExistingDelivery]) -> bool:
    """Whether the unfinished call has a reminder that nothing has withdrawn."""
    withdrawn = {old.withdraws for old in existing}
    return any(
        old.is_reminder and old.outcome is None and old.state != "cancelled" and old.id not in withdrawn
        for old in existing
    )


# --- new rows --------------------------------------------------------------------------------------


def _rows(context: PlanContext, action: Action, correction: str) -> Iterable[PlannedDelivery]:
    """The action itself and, for a reminder that is to be mailed, its mails."""
    fallback = _fallback(context, action.kind, action.target)
    due = context.due(action.due_in_hours) if action.role else None
    names = [(action.id, action.kind)]
    if action.role and action.email:
        names += [(f"{action.id}:{ending}", kind) for kind, ending in context.mails(action.role)]
    text = with_lines(action.text, correction)
    for name, kind in names:
        yield _row(context, name, kind, text, role=action.role, subject=action.subject, due=due, fallback=fallback)


def _row(
    context: PlanContext,
    action: str,
    kind: str,
    text: str,
    *,
    role: str | None = None,
    subject: str | None = None,
    due: datetime | None = None,
    fallback: str | None = None,
    withdraws: int | None = None,
) -> PlannedDelivery:
    call = context.decided.call
    key = delivery_key((call.namespace, call.call_id, call.generation), context.number, action, role)
    text = with_lines(text, reference_mark(key))
    return PlannedDelivery(key, action, kind, role, subject, text, fallback, due, withdraws)


def _fallback(context: PlanContext, kind: str, target: Target | None) -> str | None:
    return context.text(f"other_client_{kind}", target_context(target)) if target else None


# --- what becomes of earlier rows ------------------------------------------------------------------


def _halted(existing: Sequence[ExistingDelivery], roles: frozenset[str]) -> tuple[list[int], list[int]]:
    """What has surely not gone out, to be cancelled, and what may have, to be stopped.

    Reminders keep being withdrawn; but a role that is about to be reminded again is not told «cancelled».
    """
    cancel: list[int] = []
    stop: list[int] = []
    for old in existing:
        if old.state in ("done", "cancelled"):
            continue
        if old.withdraws is not None and not (old.kind in _MAIL_KINDS and old.role in roles):
            continue
        surely_not_sent = old.state in _NOT_ON_ITS_WAY and not old.sent
        (cancel if surely_not_sent else stop).append(old.id)
    return cancel, stop


def _withdrawals(
    context: PlanContext, reminders: Sequence[ExistingDelivery], cancelled: Sequence[int]
) -> Iterable[PlannedDelivery]:
    """Withdraw these reminders where they may have gone out, and tell the roles that were told of them."""
    existing = context.decided.loaded.deliveries
    withdrawn = {old.withdraws for old in existing}
    for old in reminders:
        if old.id in withdrawn or old.role is None:
            continue
        told = any(_is_mail_of(mail, old) and not _never_out(mail, cancelled) for mail in existing)
        out = not _never_out(old, cancelled)
        text = context.text("withdrawal", context.replaced(old.outcome))
        name = f"withdraw:{old.number}:{old.action}"
        if out:
            yield _row(context, name, "withdrawal", text, role=old.role, withdraws=old.id)
        if out or told:
            subject = context.text("withdrawal_subject", {"reminder.subject": old.subject})
            for kind, ending in context.mails(old.role):
                yield _row(context, f"{name}:{ending}", kind, text, role=old.role, subject=subject, withdraws=old.id)


def _is_mail_of(mail: ExistingDelivery, reminder: ExistingDelivery) -> bool:
    """Whether it is the mail of this very reminder."""
    same = (mail.decision_ref, mail.role) == (reminder.decision_ref, reminder.role)
    return (
        same and mail.kind in _MAIL_KINDS and mail.withdraws is None and mail.action.startswith(f"{reminder.action}:")
    )


def _never_out(old: ExistingDelivery, cancelled: Sequence[int]) -> bool:
    return old.state == "cancelled" or old.id in cancelled
