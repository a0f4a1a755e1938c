"""The records of delivery: a leased delivery and its card, a line of the log of attempts, and how an attempt ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from connectors.base import Assignee, CardRef
from plugin.ledger.states import DeliveryState

#: What one exchange of an attempt came to.
StepOutcome = Literal["done", "not_done", "unknown", "found", "absent"]


@dataclass(frozen=True, slots=True)
class Place:
    """The card to write to, or None and ``why`` there is none.

    ``fallback``: another client answered whose card was not found exactly once, so this is the call's card instead.
    ``was``: the card that was chosen first, and that is gone from the CRM.
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
    ``card`` is the call's, ``place`` where the actions of ``card_decision`` go, once that is known, and ``target``
    whom that is about. ``corrects`` and ``corrections`` as in the ledger.
    ``sent_at`` set means that the CRM may hold it already: a look-up comes before any repeat. ``sent_text`` and
    ``sent_to`` are then what it held and to whom: a mail is repeated as it was, one key being one body.
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
    created_at: datetime
    withdraws: int | None
    corrects: int | None
    corrections: Sequence[Mapping[str, Any]] | None
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
    sent_text: str | None = None
    sent_to: Assignee | None = None

    @property
    def card_decision(self) -> int:
        """The id of the decision whose card it goes to or tells of: of what takes something back, an older one."""
        return self.decision_ref if self.corrects is None else self.corrects


@dataclass(frozen=True, slots=True)
class SentAs:
    """How a delivery goes out, as the ledger keeps it: to whom, into which card, with which text.

    ``corrected``: of a comment, what it takes back in its card (``deliveries.corrected``).
    """

    assignee: Assignee | None = None
    card: CardRef | None = None
    text: str | None = None
    corrected: Mapping[str, Any] | None = None

    def columns(self) -> dict[str, Any]:
        """The columns that keep it, but for ``assignee``."""
        card = {"type": self.card.type, "id": self.card.id} if self.card else None
        return {"card": card, "sent_text": self.text, "corrected": self.corrected}


#: Of what is not known yet how it goes out.
SAYS_NOTHING = SentAs()


@dataclass(frozen=True, slots=True)
class AttemptStep:
    """One line of the log of attempts. ``status`` and ``code`` are what the CRM answered with."""

    at: datetime
    step: Literal["send", "look_up"]
    outcome: StepOutcome
    seconds: float
    why: str | None = None
    status: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryEnding:
    """What becomes of a delivery after one attempt.

    ``wait`` is in seconds, for *waiting* and *unknown*. ``sent_at`` stays set wherever it may have been written and
    is None where it surely was not. ``attempts``: how many count beside those that were begun: 1 where nothing was sent
    and that counts like a sending, -1 where one was begun that does not count. ``mends``: it waits until an admin has
    mended what ``why`` says.
    """

    state: DeliveryState
    why: str | None = None
    remote_id: str | None = None
    wait: float = 0.0
    sent_at: datetime | None = None
    attempts: int = 0
    mends: bool = False
