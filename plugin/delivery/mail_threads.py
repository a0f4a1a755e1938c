"""Mails of one call to one role belong together: each later one refers to the first, as readers' programs show them."""

from __future__ import annotations

from sqlalchemy import bindparam, literal_column, or_, select

from plugin.delivery.model import Delivery
from plugin.ledger import Ledger
from plugin.ledger.schema import deliveries

_this = deliveries.alias("this")
_FIRST = (
    select(deliveries.c.key)
    .join(_this, _this.c.call_ref == deliveries.c.call_ref)
    .where(
        _this.c.id == bindparam("id"),
        deliveries.c.id < _this.c.id,
        deliveries.c.role == _this.c.role,
        deliveries.c.kind == literal_column("'smtp_email'"),
        or_(deliveries.c.state == literal_column("'done'"), deliveries.c.sent_at.is_not(None)),
    )
    .order_by(deliveries.c.id)
    .limit(1)
)


class MailThreads:
    """Knows the first mail of each call."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def first_key(self, mail: Delivery) -> str | None:
        """The key of the first mail of the same call to the same role that went out, or may have, before this one.

        Raises LedgerUnavailable.
        """
        with self._ledger.read() as connection:
            return connection.execute(_FIRST, {"id": mail.id}).scalar_one_or_none()
