"""What a retry or a cancellation by hand does to one delivery, by what is known of it. Pure.

Whatever may have reached the CRM is looked for before anything is repeated or called off: a step never claims more than
the ledger knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from plugin.ledger.states import OPEN, DeliveryKind, DeliveryState

#: Why a delivery that was cancelled by hand ended.
BY_HAND = "отменено вручную"


class TransitionKind(Enum):
    """What becomes of a delivery."""

    # a retry
    LOOKS_UP = "looks_up"
    MAILS_AGAIN = "mails_again"
    SENDS = "sends"
    HURRIES = "hurries"
    # a cancellation
    CANCELS = "cancels"
    STOPS = "stops"


class Refusal(Enum):
    """Why nothing becomes of it."""

    QUEUED = "queued"
    ON_ITS_WAY = "on_its_way"
    DONE = "done"
    CANCELLED = "cancelled"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Transition:
    """``kind`` and the columns that change for it."""

    kind: TransitionKind
    values: Mapping[str, Any] = field(default_factory=dict)


def retry_of(row: Mapping[str, Any], now: datetime, *, look_first: bool = False) -> Transition | Refusal:
    """Try a parked delivery again, or one that waits sooner; ``look_first``: as if it had just been sent.

    The latter is for a ledger restored from a copy, which does not know what was sent after the copy was made.
    """
    state, due = row["state"], {"not_before": now, "owner": None, "lease_until": None, "finished_at": None, "why": None}
    if state in (DeliveryState.DONE, DeliveryState.CANCELLED):
        return Refusal(state)
    # What a lease that ran out had sent is looked for by the worker that takes it over.
    if state == DeliveryState.LEASED and not (look_first and row["not_before"] <= now):
        return Refusal.ON_ITS_WAY
    if row["sent_at"] is None and look_first:
        return _looking(row, due | {"state": DeliveryState.UNKNOWN, "sent_at": now})
    if state != DeliveryState.PARKED:
        return Transition(TransitionKind.HURRIES, {"not_before": now}) if row["not_before"] > now else Refusal.QUEUED
    if row["sent_at"] is not None:
        return _looking(row, due | {"state": DeliveryState.UNKNOWN})
    return Transition(
        TransitionKind.SENDS, due | {"state": DeliveryState.WAITING if row["attempts"] else DeliveryState.PENDING}
    )


def cancellation_of(row: Mapping[str, Any], now: datetime) -> Transition | Refusal:
    """Call a delivery off: at once where it surely never went out, by a look-up where it may have."""
    state = row["state"]
    if state in (DeliveryState.DONE, DeliveryState.CANCELLED):
        return Refusal(state)
    if row["cancel"]:
        return Refusal.STOPPING
    if state == DeliveryState.LEASED:
        return Transition(TransitionKind.STOPS, {"cancel": True})
    if row["sent_at"] is None and state != DeliveryState.UNKNOWN:
        return Transition(
            TransitionKind.CANCELS, {"state": DeliveryState.CANCELLED, "why": BY_HAND, "finished_at": now}
        )
    return Transition(
        TransitionKind.STOPS, {"cancel": True, "state": DeliveryState.UNKNOWN, "not_before": now, "finished_at": None}
    )


def _looking(row: Mapping[str, Any], values: Mapping[str, Any]) -> Transition:
    # A mail server keeps nothing that could be searched.
    return Transition(
        TransitionKind.MAILS_AGAIN if row["kind"] == DeliveryKind.SMTP_EMAIL else TransitionKind.LOOKS_UP, values
    )


def breaks_promise(row: Mapping[str, Any]) -> bool:
    """Whether calling it off leaves undone what a client was promised; the rest takes something back."""
    return row["withdraws"] is None and row["state"] in (*OPEN, DeliveryState.PARKED)
