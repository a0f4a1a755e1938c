"""From a decision to the deliveries that carry it out, and to what becomes of earlier ones (contract 3.5). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from connectors.kit.reference_mark import reference_mark
from plugin.deciding.decision.model import Action, Decision, Target
from plugin.events.texts import delivery_key, target_context, with_lines

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
    """The call and the decision that a plan is made for.

    ``number`` is the decision's. ``due`` turns a term in hours into a time. ``modes`` has the e-mail mode of each role.
    ``say`` fills in one of the script's texts, ``label`` names an outcome in the admin's words.
    """

    namespace: str
    call_id: str
    generation: int
    number: int
    promise_hours: int
    unfinished_role: str
    due: Callable[[int], datetime]
    modes: Mapping[str, str]
    say: Callable[[str, Mapping[str, str | None]], str]
    label: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class PreviousDecision:
    """The decision that is replaced: its outcome, and whose card it was about where not the call's."""

    outcome: str
    target: Target | None


@dataclass(frozen=True, slots=True)
class ExistingDelivery:
    """A delivery that was planned for the call earlier. ``outcome`` None: of an unfinished call's reminder.

    ``sent``: it may have gone out; only a delivery that surely has not is without.
    """

    id: int
    decision_ref: int
    number: int
    outcome: str | None
    action: str
    kind: str
    role: str | None
    subject: str | None
    withdraws: int | None
    state: str
    sent: bool

    @property
    def is_reminder(self) -> bool:
        return self.kind == "reminder" and self.withdraws is None


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


def plan_outcome(
    scene: PlanContext, decision: Decision, previous: PreviousDecision | None, written: Sequence[ExistingDelivery]
) -> DeliveryPlan:
    """For a decision whose outcome is new. ``previous`` is what it replaces, None for the first."""
    change = _change(scene, previous.outcome if previous else None, decision)
    correction = scene.say("correction", change) if previous else ""
    add = [row for action in decision.actions for row in _rows(scene, action, correction)]
    if previous and all(action.kind != "comment" for action in decision.actions):
        text, fallback = scene.say("correction_comment", change), _fallback(scene, "comment", previous.target)
        add.append(_row(scene, "correction", "comment", text, fallback=fallback))
    roles = frozenset(action.role for action in decision.actions if action.role)
    cancel, stop = _halted(written, roles)
    lacking = [old for old in written if old.is_reminder and (old.outcome is None or old.role not in roles)]
    add += _withdrawals(scene, decision, lacking, written, cancel)
    return DeliveryPlan(tuple(add), tuple(cancel), tuple(stop))


def plan_completion(scene: PlanContext, decision: Decision, written: Sequence[ExistingDelivery]) -> DeliveryPlan:
    """For a call that ends in the outcome it had before it was left unfinished: only that reminder goes."""
    unfinished = [old for old in written if old.outcome is None]
    cancel, stop = _halted(unfinished, frozenset())
    reminders = [old for old in unfinished if old.is_reminder]
    return DeliveryPlan(tuple(_withdrawals(scene, decision, reminders, written, cancel)), tuple(cancel), tuple(stop))


def plan_unfinished(scene: PlanContext, occasion: int) -> DeliveryPlan:
    """The reminder that a call was never finished; ``occasion`` counts those under the same decision number from 1."""
    action = Action(
        id=_UNFINISHED if occasion == 1 else f"{_UNFINISHED}:{occasion}",
        kind="reminder",
        text=scene.say("unfinished", {}),
        role=scene.unfinished_role,
        subject=scene.say("unfinished_subject", {}),
        due_in_hours=scene.promise_hours,
        email=True,
    )
    return DeliveryPlan(tuple(_rows(scene, action, "")))


def is_told(written: Sequence[ExistingDelivery]) -> bool:
    """Whether a reminder of the unfinished call stands that nothing has taken back."""
    taken_back = {old.withdraws for old in written}
    return any(
        old.is_reminder and old.outcome is None and old.state != "cancelled" and old.id not in taken_back
        for old in written
    )


# --- new rows --------------------------------------------------------------------------------------


def _rows(scene: PlanContext, action: Action, correction: str) -> Iterable[PlannedDelivery]:
    """The action itself and, for a reminder that is to be mailed, its mails."""
    fallback = _fallback(scene, action.kind, action.target)
    due = scene.due(action.due_in_hours or scene.promise_hours) if action.role else None
    names = [(action.id, action.kind)]
    if action.role and action.email:
        names += [(f"{action.id}:{ending}", kind) for kind, ending in _mails(scene, action.role)]
    for name, kind in names:
        text = with_lines(action.text, correction)
        yield _row(scene, name, kind, text, role=action.role, subject=action.subject, due=due, fallback=fallback)


def _row(
    scene: PlanContext,
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
    call = (scene.namespace, scene.call_id, scene.generation)
    key = delivery_key(call, scene.number, action, role)
    return PlannedDelivery(
        key, action, kind, role, subject, with_lines(text, reference_mark(key)), fallback, due, withdraws
    )


def _fallback(scene: PlanContext, kind: str, target: Target | None) -> str | None:
    return scene.say(f"other_client_{kind}", target_context(target)) if target else None


def _mails(scene: PlanContext, role: str) -> Sequence[tuple[str, str]]:
    # A role that nobody knows any more is mailed all the same: the delivery is parked and a human hears of it.
    return _MAILS[scene.modes.get(role, "smtp")]


def _change(scene: PlanContext, previous: str | None, decision: Decision) -> dict[str, str | None]:
    return {
        "previous.outcome": scene.label(previous) if previous else scene.say("unfinished_subject", {}),
        "outcome": scene.label(decision.outcome) if decision.outcome else None,
    }


# --- what becomes of earlier rows ------------------------------------------------------------------


def _halted(written: Sequence[ExistingDelivery], roles: frozenset[str]) -> tuple[list[int], list[int]]:
    """What has surely not gone out, to be cancelled, and what may have, to be stopped.

    Reminders keep being withdrawn; but nobody is told «cancelled» who is about to be reminded again.
    """
    cancel, stop = [], []
    for old in written:
        if old.state in ("done", "cancelled"):
            continue
        if old.withdraws is not None and not (old.kind in _MAIL_KINDS and old.role in roles):
            continue
        if old.state in _NOT_ON_ITS_WAY and not old.sent:
            cancel.append(old.id)
        else:
            stop.append(old.id)
    return cancel, stop


def _withdrawals(
    scene: PlanContext,
    decision: Decision,
    reminders: Sequence[ExistingDelivery],
    written: Sequence[ExistingDelivery],
    cancelled: Sequence[int],
) -> Iterable[PlannedDelivery]:
    """Take these reminders back where they may have gone out, and tell whoever was told of them."""
    taken_back = {old.withdraws for old in written}
    for old in reminders:
        if old.id in taken_back or old.role is None:
            continue
        told = [mail for mail in written if _mails_of(mail, old) and not _never_out(mail, cancelled)]
        out = not _never_out(old, cancelled)
        text = scene.say("withdrawal", _change(scene, old.outcome, decision))
        name = f"withdraw:{old.number}:{old.action}"
        if out:
            yield _row(scene, name, "withdrawal", text, role=old.role, withdraws=old.id)
        if out or told:
            subject = scene.say("withdrawal_subject", {"reminder.subject": old.subject})
            for kind, ending in _mails(scene, old.role):
                yield _row(scene, f"{name}:{ending}", kind, text, role=old.role, subject=subject, withdraws=old.id)


def _mails_of(mail: ExistingDelivery, reminder: ExistingDelivery) -> bool:
    """Whether it is the mail of this very reminder."""
    same = (mail.decision_ref, mail.role) == (reminder.decision_ref, reminder.role)
    return (
        same and mail.kind in _MAIL_KINDS and mail.withdraws is None and mail.action.startswith(f"{reminder.action}:")
    )


def _never_out(old: ExistingDelivery, cancelled: Sequence[int]) -> bool:
    return old.state == "cancelled" or old.id in cancelled
