"""Which mails of a call a later one refers to, so that a reader's program shows them together."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, or_, select

from plugin.delivery.model import Delivery
from plugin.ledger import Ledger
from plugin.ledger.schema import deliveries
from plugin.ledger.states import DeliveryKind, DeliveryState

_own = deliveries.alias("own")
# A mail that was cancelled before it went out is in no mailbox.
_EARLIER = (
    select(deliveries.c.key, deliveries.c.role)
    .join(_own, _own.c.call_ref == deliveries.c.call_ref)
    .where(
        _own.c.id == bindparam("id"),
        deliveries.c.id < _own.c.id,
        deliveries.c.kind == DeliveryKind.SMTP_EMAIL.value,
        or_(deliveries.c.state != DeliveryState.CANCELLED.value, deliveries.c.sent_at.is_not(None)),
    )
    .order_by(deliveries.c.id)
)


class MailThreads:
    """Looks up the earlier mails of a call."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def begun_by(self, delivery: Delivery) -> Sequence[str]:
        """The keys of the call's first mail and of the first one to the same role; none for the first mail itself.

        Raises LedgerUnavailable.
        """
        with self._ledger.read() as connection:
            earlier = connection.execute(_EARLIER, {"id": delivery.id}).all()
        to_role = [row.key for row in earlier if row.role == delivery.role]
        return list(dict.fromkeys([row.key for row in earlier[:1]] + to_role[:1]))
