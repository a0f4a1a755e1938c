"""The words of the delivery loop: a leased delivery, a step of the log of attempts, and how one handling ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from connectors.base import CardRef

#: Kinds of mail; they go out at least once, everything else exactly once.
MAILS = frozenset({"crm_email", "smtp_email"})
#: Kinds that are written into a card.
ON_CARDS = frozenset({"comment", "reminder"})


@dataclass(frozen=True, slots=True)
class Place:
    """The card to write to, or None and ``why`` there is none.

    ``fallback``: another client answered whose card was not found exactly once, so this is the call's card instead.
    ``was``: the card that it was settled on first, and that was gone from the CRM.
    """

    card: CardRef | None
    fallback: bool = False
    why: str | None = None
    was: CardRef | None = None

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Place | None:
        """The place as ``decisions.card`` keeps it: type, id, fallback, and ``was`` (type, id) where it moved."""
        if not kept:
            return None
        was = kept.get("was")
        ref = CardRef(was["type"], was["id"]) if was else None
        return cls(CardRef(kept["type"], kept["id"]), bool(kept.get("fallback")), was=ref)

    def kept(self) -> dict[str, Any] | None:
        """The form in which ``of`` reads it."""
        if self.card is None:
            return None
        place: dict[str, Any] = {"type": self.card.type, "id": self.card.id, "fallback": self.fallback}
        return place | ({"was": {"type": self.was.type, "id": self.was.id}} if self.was else {})


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of ``deliveries`` while it is leased, with what its call and decision say about the card.

    ``lease`` is the mark of this very claim: no other claim, not even one of the same process, has the same.
    ``card`` is the call's, ``place`` where the decision's actions go, once that is settled.
    ``sent_at`` set means that the CRM may hold it already: a look-up comes before any repeat.
    """

    id: int
    decision_ref: int
    key: str
    kind: str
    role: str | None
    subject: str | None
    text: str
    fallback_text: str | None
    due_at: datetime | None
    deadline_at: datetime
    withdraws: int | None
    sent_at: datetime | None
    cancel: bool
    attempts: int
    lease: str
    lease_until: datetime
    call_id: str
    phone: str | None
    card: CardRef | None
    target: Mapping[str, Any] | None
    place: Place | None


@dataclass(frozen=True, slots=True)
class AttemptStep:
    """One line of the log of attempts. ``status`` and ``code`` are what the CRM answered with."""

    at: datetime
    step: Literal["send", "look_up"]
    outcome: Literal["done", "not_done", "unknown", "found", "absent"]
    seconds: float
    why: str | None = None
    status: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryEnding:
    """What becomes of a delivery after one handling.

    ``wait`` is in seconds, for ``waiting`` and ``unknown``. ``sent_at`` stays set wherever it may have been written
    and is None where it surely was not. ``in_vain``: counts as a try although nothing was sent.
    """

    state: Literal["done", "unknown", "waiting", "parked", "cancelled"]
    why: str | None = None
    remote_id: str | None = None
    wait: float = 0.0
    sent_at: datetime | None = None
    in_vain: bool = False
