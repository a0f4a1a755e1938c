"""The two lanes that deliveries go by, so that an account that is away holds up only its own."""

from __future__ import annotations

from enum import StrEnum


class Lane(StrEnum):
    """Where a delivery goes to."""

    CRM = "crm"
    MAIL = "mail"


LANES = tuple(Lane)
#: The one kind that goes to the plugin's own mail server.
OWN_MAIL = "smtp_email"


def lane_of(kind: str) -> Lane:
    """The lane that deliveries of this kind go by."""
    return Lane.MAIL if kind == OWN_MAIL else Lane.CRM
