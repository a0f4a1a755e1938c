"""The face of ``connectors.protocol``: every name that a connector and its caller need, under one stable path."""

from __future__ import annotations

from connectors.protocol.card_fields import CardFieldState
from connectors.protocol.check import Check
from connectors.protocol.errors import (
    MISFIT,
    ConnectorError,
    CrmRefused,
    CrmUnavailable,
    EventMalformed,
    EventNotAuthentic,
    EventsUnverifiable,
    NotMapped,
)
from connectors.protocol.events import CallResult, CatchUpPage, FrameCall, Reference
from connectors.protocol.interface import Connector
from connectors.protocol.limits import Limits, Quota
from connectors.protocol.outcomes import AtFault, Done, NotDone, Outcome, ReminderState, ReminderStatus, Unknown
from connectors.protocol.records import Assignee, Card, CardRef, CommentWrite, EmailWrite, Kind, ReminderWrite, Write
from connectors.protocol.store import NO_STORE, Store
from connectors.protocol.trying import TryStep, TryValues

__all__ = [
    "MISFIT",
    "NO_STORE",
    "Assignee",
    "AtFault",
    "CallResult",
    "Card",
    "CardFieldState",
    "CardRef",
    "CatchUpPage",
    "Check",
    "CommentWrite",
    "Connector",
    "ConnectorError",
    "CrmRefused",
    "CrmUnavailable",
    "Done",
    "EmailWrite",
    "EventMalformed",
    "EventNotAuthentic",
    "EventsUnverifiable",
    "FrameCall",
    "Kind",
    "Limits",
    "NotDone",
    "NotMapped",
    "Outcome",
    "Quota",
    "Reference",
    "ReminderState",
    "ReminderStatus",
    "ReminderWrite",
    "Store",
    "TryStep",
    "TryValues",
    "Unknown",
    "Write",
]
