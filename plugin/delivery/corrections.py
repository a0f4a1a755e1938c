"""What a delivery says of earlier decisions, told by what was really written of them.

Asked only once the deliveries that it corrects have ended (``plugin.delivery.fair_order`` sees to that), right before
it goes out: nothing speaks of a record that never was (contract 3.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, select

from connectors.base import CardRef, CrmRefused, CrmUnavailable, Kind
from plugin.delivery.model import Delivery
from plugin.ledger import Ledger
from plugin.ledger.schema import calls, decisions, deliveries
from plugin.ledger.standing import CardId, WrittenRecord, card_id, merged_cards, uncorrected
from plugin.ledger.states import MAILS, ON_CARDS, OPEN, DeliveryKind, DeliveryState
from plugin.resilience.reads import Reads

_FOUND_AS: Mapping[str, Kind] = {
    DeliveryKind.COMMENT: "comment",
    DeliveryKind.REMINDER: "reminder",
    DeliveryKind.CRM_EMAIL: "email",
}
_its_call = select(deliveries.c.call_ref).where(deliveries.c.id == bindparam("id")).scalar_subquery()
_d = deliveries.c
_DELIVERIES = (
    select(_d.id, _d.decision_ref, _d.key, _d.kind, _d.role, _d.withdraws, _d.state, _d.sent_at, _d.remote_id)
    .add_columns(_d.corrects, _d.card, _d.corrected)
    .where(_d.call_ref == _its_call)
    .order_by(_d.id)
)
_DECISIONS = (
    select(decisions.c.id, decisions.c.card, decisions.c.target, calls.c.card_type, calls.c.card_id)
    .join(calls, calls.c.id == decisions.c.call_ref)
    .where(decisions.c.call_ref == _its_call)
)


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of earlier decisions: lines to stand beside the text, and what the ledger keeps of it.

    ``instead``: the whole text, where there is nothing else to say. ``subject`` replaces a mail's own.
    """

    lines: tuple[str, ...] = ()
    instead: str | None = None
    subject: str | None = None
    corrected: Mapping[str, Any] | None = None


NOTHING_TOLD = Told()


class Corrections:
    """Looks at what became of the earlier deliveries of a call. Everything raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, reads: Reads) -> None:
        self._ledger = ledger
        self._reads = reads

    def in_comment(self, delivery: Delivery, card: CardRef) -> Told | None:
        """What a comment says in this card of older decisions that stand there; None: a correction without any.

        Raises CrmUnavailable, CrmRefused.
        """
        texts = {one["decision"]: one for one in delivery.corrections or ()}
        if not texts:
            return NOTHING_TOLD
        written = self._written(delivery)
        here = written.merged((card.type, card.id))
        stand = [one for one in uncorrected(list(written.records()), here, delivery.decision_ref) if one in texts]
        if delivery.corrects is None:
            lines = tuple(texts[one]["text"] for one in stand)
            return Told(lines, corrected={"decisions": stand, "elsewhere": False})
        if not stand:
            return None
        new = written.card_of_decision(delivery.decision_ref)
        elsewhere = written.has_records(delivery.decision_ref) and new != here
        chosen = [texts[one]["elsewhere" if elsewhere else "text"] for one in stand]
        return Told(instead="\n".join(chosen), corrected={"decisions": stand, "elsewhere": elsewhere})

    def in_reminder(self, delivery: Delivery) -> Told:
        """What a new reminder, or its mail, says of the last decision before it of which anything went out.

        Raises CrmUnavailable, CrmRefused.
        """
        texts = {one["decision"]: one["text"] for one in delivery.corrections or ()}
        if not texts:
            return NOTHING_TOLD
        written = self._written(delivery)
        out = [row.decision_ref for row in written.rows if row.decision_ref in texts and written.went_out(row)]
        return Told((texts[max(out)],)) if out else NOTHING_TOLD

    def in_cancellation(self, delivery: Delivery) -> Told | None:
        """What somebody is told who gets no new reminder; None where they were told of nothing.

        Raises CrmUnavailable, CrmRefused.
        """
        texts = {one["decision"]: one for one in delivery.corrections or ()}
        written = self._written(delivery)
        out = [
            row.decision_ref
            for row in written.rows
            if row.role == delivery.role and row.decision_ref in texts and written.went_out(row)
        ]
        if not out:
            return None
        last = texts[max(out)]
        return Told(instead=last["text"], subject=last["subject"])

    def _written(self, delivery: Delivery) -> _Written:
        with self._ledger.read() as connection:
            rows: Sequence[Any] = connection.execute(_DELIVERIES, {"id": delivery.id}).all()
            known: Sequence[Any] = connection.execute(_DECISIONS, {"id": delivery.id}).all()
        # The delivery itself and what was decided after it say nothing of what was before.
        rows = [row for row in rows if row.id != delivery.id and row.decision_ref <= delivery.decision_ref]
        return _Written(rows, known, self._reads, mail=delivery.kind == DeliveryKind.SMTP_EMAIL)


class _Written:
    """The deliveries of a call, and which of them are in the CRM or in a mailbox."""

    def __init__(self, rows: Sequence[Row[Any]], known: Sequence[Row[Any]], reads: Reads, *, mail: bool) -> None:
        self.rows = [row for row in rows if row.withdraws is None]
        self._decisions = {row.id: row for row in known}
        self._moved = merged_cards(row.card for row in known)
        self._reads = reads
        self._mail = mail
        self._found: dict[int, bool] = {}

    def records(self) -> Iterator[WrittenRecord]:
        """What is in cards."""
        for row in self.rows:
            if row.kind in ON_CARDS and self.went_out(row):
                yield WrittenRecord.of(row.decision_ref, row.kind, self._card_of(row), row.corrected)

    def has_records(self, decision: int) -> bool:
        """Whether this decision writes anything about a card of its own."""
        return any(
            row.decision_ref == decision
            and row.kind in ON_CARDS
            and row.corrects is None
            and (row.state != DeliveryState.CANCELLED or row.sent_at is not None)
            for row in self.rows
        )

    def card_of_decision(self, decision: int) -> CardId | None:
        """The card that this decision's actions go to."""
        known = self._decisions[decision]
        own = (known.card_type, known.card_id) if known.card_id and known.target is None else None
        return self.merged(card_id(known.card) or own)

    def merged(self, card: CardId | None) -> CardId | None:
        """The card that this one is by now."""
        return None if card is None else self._moved.get(card, card)

    def went_out(self, row: Row[Any]) -> bool:
        """Whether it was written, or may have been. Raises CrmUnavailable, CrmRefused."""
        if row.state == DeliveryState.DONE:
            return True
        if row.sent_at is None:
            return False
        if row.kind in MAILS or row.state in OPEN:
            # No look-up can tell whether a mail was read; and what is still open was waited for long enough.
            return True
        if row.id not in self._found:
            self._found[row.id] = self._is_in_the_crm(row)
        return self._found[row.id]

    def _is_in_the_crm(self, row: Row[Any]) -> bool:
        """Parked while nobody knew: looked for."""
        kept = self._card_of(row)
        try:
            return self._reads.find(_FOUND_AS[row.kind], CardRef(*kept) if kept else None, row.key) is not None
        except (CrmUnavailable, CrmRefused):
            # A mail says in time what may have been; what cannot be looked for is unknown, not absent.
            if self._mail:
                return True
            raise

    def _card_of(self, row: Row[Any]) -> CardId | None:
        return self.merged(card_id(row.card)) or self.card_of_decision(row.corrects or row.decision_ref)
