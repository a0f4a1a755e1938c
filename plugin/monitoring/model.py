"""The words of alerts: their kinds, what stands in their way, and the form in which a cause is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, literal

from plugin.ledger.schema import alerts


class AlertKind(StrEnum):
    """What an alert is about; the value stands in the ledger."""

    DELIVERY_PARKED = "delivery_parked"
    PROMISE_AT_RISK = "promise_at_risk"
    PROMISE_BROKEN = "promise_broken"
    ACCOUNT_AWAY = "account_away"
    RULES_NOT_FOLLOWED = "rules_not_followed"
    SOURCE_SILENT = "source_silent"
    EVENT_PARKED = "event_parked"
    VALUE_NOT_MAPPED = "value_not_mapped"
    EVENTS_WAITING = "events_waiting"


@dataclass(frozen=True, slots=True)
class AlertCause:
    """A cause that was found. ``which`` tells it from others of its kind; ``about`` holds no personal data."""

    kind: AlertKind
    which: str
    about: Mapping[str, Any]
    subject: int | None = None

    @property
    def cause(self) -> str:
        """The cause's name in the ledger, unique among those that stand."""
        return f"{self.kind}:{self.which}"


def cause_of(kind: AlertKind, column: ColumnElement[int]) -> ColumnElement[str]:
    """``AlertCause.cause`` in SQL, for a cause told apart by an id."""
    return literal(f"{kind}:") + cast(column, String)


def standing(kind: AlertKind) -> ColumnElement[bool]:
    """The alerts of this kind that are not over; by the index on standing causes."""
    # ";" follows ":" in every collation by code points, and kinds are plain ASCII.
    return and_(alerts.c.closed_at.is_(None), alerts.c.cause >= f"{kind}:", alerts.c.cause < f"{kind};")
