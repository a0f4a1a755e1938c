"""The lanes that deliveries go by, so that an account, or a part of it, that is away holds up only its own."""

from __future__ import annotations

from enum import StrEnum

from plugin.ledger.states import DeliveryKind


class Lane(StrEnum):
    """Where a delivery goes: to the CRM, to the mail server that the CRM sends by, or to the plugin's own."""

    CRM = "crm"
    CRM_MAIL = "crm_mail"
    MAIL = "mail"


LANES = tuple(Lane)
#: Those that end where the CRM does: while it is away, both are shut.
TO_CRM = frozenset({Lane.CRM, Lane.CRM_MAIL})

_OTHERS: dict[str, Lane] = {DeliveryKind.SMTP_EMAIL: Lane.MAIL, DeliveryKind.CRM_EMAIL: Lane.CRM_MAIL}


def lane_of(kind: str) -> Lane:
    """The lane that deliveries of this kind go by."""
    return _OTHERS.get(kind, Lane.CRM)
