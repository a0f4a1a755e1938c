"""What a new decision takes back of earlier ones: in every card, of every reminder, to everybody who was told. Pure.

What may still be on its way is planned for as if it had arrived; whether it has is asked again before the correction
goes out (``plugin.delivery.corrections``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from plugin.deciding.decision.model import Action
from plugin.events.load_call import ExistingDelivery, KnownDecision
from plugin.events.planned import NO_DELIVERIES, DeliveryPlan, PlanContext, PlannedDelivery
from plugin.ledger.standing import CardId, WrittenRecord, card_id, merged_cards, uncorrected
from plugin.ledger.states import MAILS, ON_CARDS, DeliveryState

_NOT_ON_ITS_WAY = frozenset({DeliveryState.PENDING, DeliveryState.WAITING, DeliveryState.PARKED})


@dataclass(frozen=True, slots=True)
class Replaced:
    """What may have gone out of the call's earlier decisions.

    ``decisions`` are those of which something may have, oldest first; ``out`` the deliveries.
    """

    context: PlanContext
    decisions: Sequence[KnownDecision]
    out: Sequence[ExistingDelivery]

    @classmethod
    def by(cls, context: PlanContext) -> Replaced:
        """By the decision that deliveries are being planned for."""
        loaded = context.decided.loaded
        out = [old for old in loaded.deliveries if old.state != DeliveryState.CANCELLED or old.sent]
        out = [old for old in out if not _is_surely_unsent(old)]
        told = {old.decision_ref for old in out if old.withdraws is None}
        return cls(context, [one for one in loaded.decisions if one.id in told], out)

    def told(self, text: str) -> list[dict[str, Any]] | None:
        """This text of the script about each decision, for the one to be chosen that was written; None for none."""
        return [
            {"decision": one.id, "text": self.context.text(text, self.context.replaced(one))} for one in self.decisions
        ] or None

    def told_in_comment(self) -> list[dict[str, Any]] | None:
        """The line of a new comment about each decision that may have a record in the new one's card."""
        own, about = self.context.card, self.told("correction") or []
        if own is None:
            return about or None
        by_id = {one.id: one for one in self.context.decided.loaded.decisions}
        reached: dict[int, set[CardId | None]] = {}
        for old in self.out:
            if old.kind in ON_CARDS and old.withdraws is None:
                card = self.context.card_of(by_id[old.corrects or old.decision_ref])
                reached.setdefault(old.decision_ref, set()).add(card)
        return [one for one in about if reached.get(one["decision"], set()) & {own, None}] or None

    def records_of(self, decision: int) -> list[ExistingDelivery]:
        """What this decision may have written into its own card."""
        return [
            old
            for old in self.out
            if old.decision_ref == decision and old.corrects is None and old.kind in ON_CARDS and old.withdraws is None
        ]


def plan_corrections(context: PlanContext, replaced: Replaced, actions: Sequence[Action], prefix: str) -> DeliveryPlan:
    """What takes earlier decisions back, beside the ``actions`` of the new one; ``prefix`` begins their names."""
    if not context.decided.loaded.deliveries:
        return NO_DELIVERIES
    roles = frozenset(action.recipient for action in actions if action.recipient)
    cancel, stop = _halted(context.decided.loaded.deliveries, roles)
    commented = any(action.kind == "comment" for action in actions)
    add = [
        *_comments(context, replaced, prefix, commented=commented),
        *_withdrawals(context, replaced),
        *_cancellation_mails(context, replaced, roles, frozenset(cancel), prefix),
    ]
    return DeliveryPlan(tuple(add), tuple(cancel), tuple(stop))


def _is_surely_unsent(old: ExistingDelivery) -> bool:
    return old.state in _NOT_ON_ITS_WAY and not old.sent


def _halted(existing: Sequence[ExistingDelivery], roles: frozenset[str]) -> tuple[list[int], list[int]]:
    """What has surely not gone out, to be cancelled, and what may have, to be stopped.

    Reminders keep being withdrawn; but a role that is about to be reminded again is not told «cancelled».
    """
    cancel: list[int] = []
    stop: list[int] = []
    for old in existing:
        if old.state in (DeliveryState.DONE, DeliveryState.CANCELLED):
            continue
        if old.withdraws is not None and not (old.kind in MAILS and old.role in roles):
            continue
        (cancel if _is_surely_unsent(old) else stop).append(old.id)
    return cancel, stop


# --- into the cards ----------------------------------------------------------------------------------


def _comments(context: PlanContext, replaced: Replaced, prefix: str, *, commented: bool) -> Iterable[PlannedDelivery]:
    """A comment for every card with records of earlier decisions that the new decision's own comment does not reach."""
    reached = {context.card} if commented and context.card else set()
    for old in replaced.decisions:
        card = context.card_of(old)
        if card in reached or not replaced.records_of(old.id) or _is_settled(context, replaced, old):
            continue
        if card is not None:
            reached.add(card)
        told = replaced.told("correction_comment") or []
        elsewhere = replaced.told("correction_elsewhere") or []
        about = [one | {"elsewhere": other["text"]} for one, other in zip(told, elsewhere, strict=True)]
        name = f"{prefix}correction:{1 + context.decided.loaded.decisions.index(old)}"
        yield context.planned(name, "comment", about[-1]["text"], corrects=old.id, corrections=about)


def _is_settled(context: PlanContext, replaced: Replaced, old: KnownDecision) -> bool:
    """Whether everything in the card of this decision is known to be taken back already."""
    known = {one.id: one for one in context.decided.loaded.decisions}
    moved = merged_cards(one.card for one in known.values())
    records = []
    for row in replaced.out:
        if row.kind in ON_CARDS and row.withdraws is None:
            if row.state != DeliveryState.DONE:
                return False
            card = card_id(row.card) or context.card_of(known[row.corrects or row.decision_ref])
            card = moved.get(card, card) if card else None
            records.append(WrittenRecord.of(row.decision_ref, row.kind, card, row.corrected))
    card = context.card_of(old)
    return card is not None and not uncorrected(records, card, max(known) + 1)


# --- reminders and people ----------------------------------------------------------------------------


def _withdrawals(context: PlanContext, replaced: Replaced) -> Iterable[PlannedDelivery]:
    """Withdraw every reminder that may have gone out and is not being withdrawn yet."""
    withdrawn = {old.withdraws for old in replaced.context.decided.loaded.deliveries if old.kind == "withdrawal"}
    by_id = {one.id: one for one in context.decided.loaded.decisions}
    for old in replaced.out:
        if old.is_reminder and old.role is not None and old.id not in withdrawn:
            decision = by_id[old.decision_ref]
            text = context.text("withdrawal", context.replaced(decision))
            name = f"withdraw:{old.number}:{old.action}"
            yield context.planned(name, "withdrawal", text, role=old.role, withdraws=old.id, corrects=decision.id)


def _cancellation_mails(
    context: PlanContext, replaced: Replaced, roles: frozenset[str], cancelled: frozenset[int], prefix: str
) -> Iterable[PlannedDelivery]:
    """Tell every role that may have been told of something and is neither reminded again nor told off yet."""
    by_id = {one.id: one for one in context.decided.loaded.decisions}
    kept = [old for old in context.decided.loaded.deliveries if old.kind in MAILS and old.withdraws is not None]
    kept = [old for old in kept if old.id not in cancelled and (old.state != DeliveryState.CANCELLED or old.sent)]
    for role in dict.fromkeys(old.role for old in replaced.out if old.role and old.role not in roles):
        since = max((old.id for old in kept if old.role == role), default=0)
        told = [old for old in replaced.out if old.role == role and old.withdraws is None and old.id > since]
        if not told:
            continue
        about = [_called_off(context, by_id[one.decision_ref], one) for one in _one_each(told)]
        last = told[-1]
        reminders = [old.id for old in context.decided.loaded.deliveries if old.is_reminder and old.role == role]
        for kind, ending in context.mails(role):
            yield context.planned(
                f"{prefix}cancelled:{ending}",
                kind,
                about[-1]["text"],
                role=role,
                subject=about[-1]["subject"],
                withdraws=max((one for one in reminders if one <= last.id), default=last.id),
                corrects=last.decision_ref,
                corrections=about,
            )


def _one_each(told: Sequence[ExistingDelivery]) -> list[ExistingDelivery]:
    """One delivery of each decision, the oldest decision first."""
    return list({old.decision_ref: old for old in told}.values())


def _called_off(context: PlanContext, decision: KnownDecision, old: ExistingDelivery) -> dict[str, Any]:
    text = context.text("withdrawal", context.replaced(decision))
    subject = context.text("withdrawal_subject", {"reminder.subject": old.subject})
    return {"decision": decision.id, "text": text, "subject": subject}
