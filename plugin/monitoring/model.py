"""The terms of alerts: kinds, causes, what one look works with, and SQL for the causes that stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, and_, cast, exists, literal, select

from plugin.authoring.revisions.activate import EMERGENCY_ALERT
from plugin.common.log import mask_text
from plugin.config.settings import Settings
from plugin.events import hurried, refusals
from plugin.ledger.schema import alerts, breakers
from plugin.resilience.connect import DIALLER_PREFIX

#: New causes of a kind that one look takes in; the rest wait for the next.
AT_ONCE = 500


class AlertKind(StrEnum):
    """What an alert is about; the value stands in the ledger."""

    DELIVERY_PARKED = "delivery_parked"
    SETTINGS_AT_FAULT = "settings_at_fault"
    PROMISE_AT_RISK = "promise_at_risk"
    PROMISE_BROKEN = "promise_broken"
    ACCOUNT_AWAY = "account_away"
    RULES_NOT_FOLLOWED = "rules_not_followed"
    SOURCE_SILENT = "source_silent"
    EVENT_PARKED = "event_parked"
    VALUE_NOT_MAPPED = "value_not_mapped"
    EVENTS_WAITING = "events_waiting"
    EVENT_REFUSED = refusals.KIND
    CATCH_UP_FAILED = "catch_up_failed"
    CALL_AFTER_REFUSAL = "call_after_refusal"
    NO_WORKING_TIME = hurried.KIND
    CHAIN_BROKEN = "chain_broken"
    CHAIN_HEAD = "chain_head"
    HEAD_NOT_STAMPED = "head_not_stamped"
    REMINDER_CHANGED = "reminder_changed"
    RULES_EMERGENCY = EMERGENCY_ALERT
    DIALLER_BEHIND = "dialler_behind"


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


@dataclass(frozen=True)
class AlertLook:
    """One look at the ledger. ``unfollowed``: the rules that this process, on ``host``, cannot follow."""

    connection: Connection
    now: datetime
    settings: Settings
    host: str
    unfollowed: AlertCause | None

    @cached_property
    def open_accounts(self) -> frozenset[str]:
        """Accounts whose breaker is open, for however long."""
        query = select(breakers.c.account).where(breakers.c.opened_at.is_not(None))
        return frozenset(filter(self.is_configured, self.connection.execute(query).scalars()))

    def is_configured(self, account: str) -> bool:
        """Whether plugin.toml still has this account: one of a dialler that was taken out is nobody's any more."""
        dialler = account.removeprefix(DIALLER_PREFIX)
        return dialler == account or self.settings.dialler(dialler) is not None


def standing(kind: AlertKind) -> ColumnElement[bool]:
    """The alerts of this kind that are not over; by the index on standing causes."""
    # ";" follows ":" in every collation by code points, and kinds are plain ASCII.
    return and_(alerts.c.closed_at.is_(None), alerts.c.cause >= f"{kind}:", alerts.c.cause < f"{kind};")


def is_new(kind: AlertKind, column: ColumnElement[int]) -> ColumnElement[bool]:
    """That no alert stands for the cause that this id tells apart."""
    cause = literal(f"{kind}:") + cast(column, String)
    return ~exists().where(alerts.c.closed_at.is_(None), alerts.c.cause == cause)


def shown_reason(why: str | None) -> str:
    """A reason as an alert may show it: short, without phone numbers."""
    return mask_text(why or "")[:300]
