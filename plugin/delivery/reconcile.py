"""Looks in the CRM for what an attempt of unknown outcome may have written, before anything is repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from connectors.base import CardRef, Kind, ReminderState
from plugin.delivery.model import Delivery
from plugin.delivery.withdrawals import Withdrawals
from plugin.ledger.states import ON_CARDS, DeliveryKind
from plugin.resilience.backoff import Timing
from plugin.resilience.reads import Reads

_FOUND_AS: Mapping[str, Kind] = {
    DeliveryKind.COMMENT: "comment",
    DeliveryKind.REMINDER: "reminder",
    DeliveryKind.CRM_EMAIL: "email",
}
#: What closes a reminder shows in the reminder's state.
_CLOSING = frozenset({DeliveryKind.WITHDRAWAL, DeliveryKind.COMPLETION})


class Reconciler:
    """Finds out whether deliveries whose answer was lost are in the CRM."""

    def __init__(self, reads: Reads, withdrawals: Withdrawals, timing: Timing) -> None:
        self._reads = reads
        self._withdrawals = withdrawals
        self._settling = timedelta(seconds=timing.settling)

    def can_look(self, delivery: Delivery) -> bool:
        """Whether there is anywhere to look: a mail server keeps nothing that could be searched."""
        return delivery.kind in _FOUND_AS or delivery.kind in _CLOSING

    def too_early(self, delivery: Delivery, now: datetime) -> timedelta | None:
        """How long the CRM may still commit what was sent: until then *absent* means nothing. None: not any more."""
        assert delivery.sent_at is not None
        left = delivery.sent_at + self._settling - now
        return left if left > timedelta(0) else None

    def find_remote(self, delivery: Delivery) -> str | None:
        """The remote id of what was written, or None where the CRM surely has it not.

        Raises CrmUnavailable, CrmRefused, LedgerUnavailable.
        """
        if delivery.kind in _CLOSING:
            return self._closed(delivery)
        found = (self._reads.find(_FOUND_AS[delivery.kind], card, delivery.key) for card in _cards(delivery))
        return next((remote_id for remote_id in found if remote_id is not None), None)

    def _closed(self, delivery: Delivery) -> str | None:
        remote_id = self._withdrawals.reminder(delivery)
        if remote_id is None or self._reads.reminder_state(remote_id) is ReminderState.OPEN:
            return None
        return remote_id


def _cards(delivery: Delivery) -> Sequence[CardRef | None]:
    """Where it may have been written: into the decision's card and, where that is another client's, the call's.

    The latter by a ledger that was lost since, which had not found the other client.
    """
    place = delivery.place
    chosen = place.card if place else None
    is_others = delivery.kind in ON_CARDS and delivery.target is not None and not (place and place.was)
    others = [delivery.card] if is_others and delivery.card is not None else []
    return list(dict.fromkeys([chosen, *others]))
