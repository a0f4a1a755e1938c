"""Whether a delivery that takes a reminder back still has anything to take back.

Asked only once the old reminder (and, for a mail, the old mail of the same kind) has ended: the queue sees to that.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, or_, select

from plugin.delivery.cards import CardFinder
from plugin.delivery.model import Delivery
from plugin.ledger import Ledger
from plugin.ledger.schema import deliveries
from plugin.ledger.states import MAILS, DeliveryState
from plugin.resilience.reads import Reads

_old = deliveries.alias("old")
_OLD = select(_old).where(_old.c.id == bindparam("id"))
_OLD_AND_ITS_MAIL = (
    select(deliveries.c.id, deliveries.c.state, deliveries.c.sent_at)
    .join(_old, _old.c.decision_ref == deliveries.c.decision_ref)
    .where(
        _old.c.id == bindparam("id"),
        or_(
            deliveries.c.id == _old.c.id,
            (deliveries.c.role == _old.c.role)
            & (deliveries.c.kind == bindparam("kind"))
            & deliveries.c.withdraws.is_(None),
        ),
    )
)
#: Why a withdrawal or a cancellation mail is cancelled itself.
NEVER_WRITTEN = "what it takes back never went out"


class Withdrawals:
    """Looks at what became of old reminders and their mails."""

    def __init__(self, ledger: Ledger, reads: Reads, cards: CardFinder) -> None:
        self._ledger = ledger
        self._reads = reads
        self._cards = cards

    def retracts_nothing(self, delivery: Delivery) -> bool:
        """Whether a cancellation mail would tell of something that nobody was told of. Raises LedgerUnavailable.

        False as soon as the reminder or its mail went out, or may have.
        """
        assert delivery.kind in MAILS
        with self._ledger.read() as connection:
            rows = connection.execute(_OLD_AND_ITS_MAIL, {"id": delivery.withdraws, "kind": delivery.kind}).all()
        return not any(_went_out(row.state, row.sent_at) for row in rows)

    def reminder(self, delivery: Delivery) -> str | None:
        """The remote id of the reminder that this withdrawal takes back; None where the CRM never got it.

        Raises CrmUnavailable and CrmRefused where the CRM has to be asked, LedgerUnavailable.
        """
        with self._ledger.read() as connection:
            old = connection.execute(_OLD, {"id": delivery.withdraws}).one()
        if old.remote_id is not None:
            return str(old.remote_id)
        if not _went_out(old.state, old.sent_at):
            return None
        # Parked while nobody knew whether the CRM has it.
        place = self._cards.kept(old.decision_ref)
        return self._reads.find("reminder", place.card if place else None, old.key)


def _went_out(state: str, sent_at: datetime | None) -> bool:
    """Whether it did, or may have."""
    return state == DeliveryState.DONE or sent_at is not None
