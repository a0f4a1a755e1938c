"""The two lanes that deliveries go by, so that an account that is away holds up only its own."""

from __future__ import annotations

from enum import StrEnum

from plugin.ledger.states import DeliveryKind


class Lane(StrEnum):
    """Where a delivery goes: to the CRM, or to the plugin's own mail server."""

    CRM = "crm"
    MAIL = "mail"


LANES = tuple(Lane)


def lane_of(kind: str) -> Lane:
    """The lane that deliveries of this kind go by."""
    return Lane.MAIL if kind == DeliveryKind.SMTP_EMAIL else Lane.CRM
