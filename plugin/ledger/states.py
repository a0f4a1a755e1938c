"""The states and kinds of a delivery, by the words under which the ledger keeps them."""

from __future__ import annotations

from enum import StrEnum


class DeliveryState(StrEnum):
    """How far a delivery got.

    ``UNKNOWN``: the CRM may hold it, so a look-up comes before any repeat. ``PARKED``: it waits for a human.
    """

    PENDING = "pending"
    LEASED = "leased"
    UNKNOWN = "unknown"
    WAITING = "waiting"
    DONE = "done"
    PARKED = "parked"
    CANCELLED = "cancelled"


class DeliveryKind(StrEnum):
    """What is delivered. ``SMTP_EMAIL`` goes by the plugin's own mail server, everything else to the CRM."""

    COMMENT = "comment"
    REMINDER = "reminder"
    CRM_EMAIL = "crm_email"
    SMTP_EMAIL = "smtp_email"
    WITHDRAWAL = "withdrawal"
    COMPLETION = "completion"


#: States of a delivery that has not ended.
OPEN = (DeliveryState.PENDING, DeliveryState.LEASED, DeliveryState.UNKNOWN, DeliveryState.WAITING)
#: States of a delivery that has; a parked one goes on only when a human says so.
ENDED = (DeliveryState.DONE, DeliveryState.PARKED, DeliveryState.CANCELLED)
#: States of a delivery that the CRM may have got, or may be getting.
PERHAPS_SENT = (DeliveryState.LEASED, DeliveryState.UNKNOWN)

#: Kinds of mail; they go out at least once, everything else exactly once.
MAILS = frozenset({DeliveryKind.CRM_EMAIL, DeliveryKind.SMTP_EMAIL})
#: Kinds that are written into a card.
ON_CARDS = frozenset({DeliveryKind.COMMENT, DeliveryKind.REMINDER})
