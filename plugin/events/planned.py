"""A plan: the deliveries to add, and what becomes of earlier ones; and the decided call that it is made for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from connectors.kit.reference_mark import reference_mark
from plugin.events.decide_call import DecidedCall
from plugin.events.load_call import KnownDecision
from plugin.events.texts import (
    context_of_another_card,
    context_of_own_card,
    delivery_key,
    fact_context,
    target_of,
    with_lines,
)
from plugin.ledger.standing import CardId, card_id

#: Kinds of mail by a role's e-mail mode, with the ending of their action's id.
_MAILS: Mapping[str, Sequence[tuple[str, str]]] = {
    "smtp": [("smtp_email", "smtp")],
    "crm": [("crm_email", "crm")],
    "both": [("smtp_email", "smtp"), ("crm_email", "crm")],
}


def mail_kinds(mode: str) -> Sequence[tuple[str, str]]:
    """The kinds of mail by a role's e-mail mode, each with the ending of its action's id."""
    return _MAILS[mode]


@dataclass(frozen=True, slots=True)
class PlannedDelivery:
    """A delivery to be: the columns of the ledger that differ from row to row."""

    key: str
    action: str
    kind: str
    role: str | None
    subject: str | None
    text: str
    fallback_text: str | None = None
    due_at: datetime | None = None
    withdraws: int | None = None
    corrects: int | None = None
    corrections: Sequence[Mapping[str, Any]] | None = None

    def columns(self) -> dict[str, Any]:
        """The columns by name."""
        return dict(zip(_PLANNED, _VALUES_OF(self), strict=True))


_PLANNED = tuple(field.name for field in fields(PlannedDelivery))
_VALUES_OF = attrgetter(*_PLANNED)


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """What to add; which earlier deliveries are cancelled, and which, perhaps on their way, are asked to stop.

    ``hurried``: when reminders are due that the calendar left no working moment for.
    """

    add: tuple[PlannedDelivery, ...] = ()
    cancel: tuple[int, ...] = ()
    stop: tuple[int, ...] = ()
    hurried: datetime | None = None


NO_DELIVERIES = DeliveryPlan()


@dataclass(frozen=True, slots=True)
class PlanContext:
    """The decided call that deliveries are planned for; ``number`` is the decision's.

    ``card`` is the one that the decision goes to, where it is known already.
    """

    decided: DecidedCall
    number: int
    placeholders: Mapping[str, str | None]
    card: CardId | None

    @classmethod
    def of(cls, decided: DecidedCall, number: int, card: Mapping[str, Any] | None) -> PlanContext:
        """``card``: as the ledger keeps it, where it was found for an earlier decision."""
        answers = fact_context(decided.decider, decided.facts, decided.decision)
        known = card_id(card) if card else _own_card(decided) if target_of(decided.decision) is None else None
        return cls(decided, number, {**answers, **decided.context}, known)

    def text(self, name: str, more: Mapping[str, str | None] | None = None) -> str:
        """One of the script's own texts, filled in."""
        return self.decided.decider.text(name, {**self.placeholders, **(more or {})})

    def mails(self, role: str) -> Sequence[tuple[str, str]]:
        """The kinds of mail for a role; one that is known no more is mailed all the same: parked, it is noticed."""
        return mail_kinds(self.decided.modes.get(role, "smtp"))

    def replaced(self, old: KnownDecision) -> dict[str, str | None]:
        """The placeholders of a text that takes this decision back, those of its card among them."""
        known = self.placeholders
        placeholders = context_of_another_card(known) if old.target else context_of_own_card(known, self.decided.call)
        return placeholders | {"previous.outcome": self._label(old.outcome), "outcome": self.outcome}

    @property
    def outcome(self) -> str:
        """What the call comes to now, in the admin's words."""
        return self._label(self.decided.decision.outcome)

    def card_of(self, old: KnownDecision) -> CardId | None:
        """The card that an earlier decision went to, None where it is not known."""
        return card_id(old.card) or (_own_card(self.decided) if old.target is None else None)

    def planned(self, action: str, kind: str, text: str, *, role: str | None = None, **columns: Any) -> PlannedDelivery:
        """A delivery of this decision, its key and its mark made for it."""
        call = self.decided.call
        key = delivery_key((call.namespace, call.call_id, call.generation), self.number, action, role)
        columns = {"subject": None} | columns
        return PlannedDelivery(key, action, kind, role, text=with_lines(text, reference_mark(key)), **columns)

    def _label(self, outcome: str | None) -> str:
        return self.decided.decider.outcome_label(outcome) if outcome else self.text("unfinished_subject")


def _own_card(decided: DecidedCall) -> CardId | None:
    call = decided.call
    return (call.card_type, call.card_id) if call.card_type and call.card_id else None
