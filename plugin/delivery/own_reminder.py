"""The reminder that a mail is about: of the same decision and to the same person; and the line with its link."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, literal_column, select

from plugin.auth.done_links import DoneLinks
from plugin.delivery.model import Delivery
from plugin.delivery.texts import parted
from plugin.ledger import Ledger
from plugin.ledger.promises import ESCALATION
from plugin.ledger.schema import deliveries
from plugin.ledger.states import DeliveryKind

#: What the line with the link says.
DONE_LINE = "Отметить исполненным: {}"

_d = deliveries.c
_OWN = (
    select(_d.id, _d.key, _d.call_ref, _d.remote_id, _d.state)
    .where(
        _d.decision_ref == bindparam("decision"),
        _d.role == bindparam("role"),
        and_(_d.kind == literal_column(f"'{DeliveryKind.REMINDER}'"), _d.withdraws.is_(None)),
        ~_d.action.startswith(ESCALATION, autoescape=True),
    )
    .order_by(_d.id)
    .limit(1)
)


def own_reminder(connection: Connection, decision: int, role: str | None) -> Row[*tuple[Any, ...]] | None:
    """The reminder of this decision to this recipient: id, key, call_ref, remote_id, state. None: there is none."""
    return connection.execute(_OWN, {"decision": decision, "role": role}).first()


class DoneLines:
    """Adds the link «Отметить исполненным» to the texts of mails. Raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, links: DoneLinks | None) -> None:
        self._ledger = ledger
        self._links = links

    def add_to(self, text: str, delivery: Delivery) -> str:
        """The text with the link above its reference mark, where the mail is about a reminder of its person."""
        if self._links is None or delivery.withdraws is not None:
            return text
        with self._ledger.read() as connection:
            reminder = own_reminder(connection, delivery.decision_ref, delivery.role)
        if reminder is None:
            return text
        line = DONE_LINE.format(self._links.make(delivery.id, delivery.key, reminder.key))
        above, mark = parted(text)
        return "\n".join([*above, line, *mark])
