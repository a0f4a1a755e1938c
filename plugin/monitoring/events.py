"""Looks for what became of the CRM's own events that were kept: parked, without a meaning yet, or waiting for long."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, literal_column, select

from plugin.common.log import mask_text
from plugin.ledger.connected import kept_references
from plugin.ledger.schema import alerts
from plugin.monitoring.model import AlertCause, AlertKind, cause_of, standing

#: New causes of a kind that one look takes in; the rest wait for the next.
_AT_ONCE = 500

_c = kept_references.c
_WAITING = _c.state == literal_column("'waiting'")
_PARKED = _c.state == literal_column("'parked'")
_NEW_PARKED = (
    select(_c.id, _c.connector, _c.kind, _c.why)
    .where(
        _PARKED,
        ~exists().where(alerts.c.closed_at.is_(None), alerts.c.cause == cause_of(AlertKind.EVENT_PARKED, _c.id)),
    )
    .order_by(_c.id)
    .limit(_AT_ONCE)
)
_PARKED_OVER = select(alerts.c.id).where(
    standing(AlertKind.EVENT_PARKED), ~exists().where(_c.id == alerts.c.subject, _PARKED)
)
_NOT_MAPPED = (
    select(_c.cause, _c.connector, func.min(_c.id).label("first"), func.min(_c.received_at).label("since"))
    .where(_WAITING, _c.cause.is_not(None))
    .group_by(_c.cause, _c.connector)
    .order_by(func.min(_c.id))
    .limit(_AT_ONCE)
)
_ABOUT = select(_c.about).where(_c.id == bindparam("first"))
_LONG = (
    select(_c.connector, func.count().label("number"), func.min(_c.id).label("first"), func.min(_c.received_at))
    .where(_WAITING, _c.cause.is_(None), _c.received_at <= bindparam("before", type_=_c.received_at.type))
    .group_by(_c.connector)
    .order_by(_c.connector)
)
_WHY = select(_c.why, _c.received_at).where(_c.id == bindparam("first"))


def new_parked_events(connection: Connection) -> Iterator[AlertCause]:
    """Events that were left to a human."""
    for row in connection.execute(_NEW_PARKED):
        about = {"event": row.id, "connector": row.connector, "what": row.kind, "reason": _masked(row.why)}
        yield AlertCause(AlertKind.EVENT_PARKED, str(row.id), about, row.id)


def parked_events_over(connection: Connection) -> Sequence[int]:
    """The standing alerts of parked events that were dealt with."""
    return connection.execute(_PARKED_OVER).scalars().all()


def values_not_mapped(connection: Connection) -> list[AlertCause]:
    """Each value of the CRM that events wait for because the mapping gives it no meaning."""
    found = []
    for row in connection.execute(_NOT_MAPPED).all():
        told: dict[str, Any] = connection.execute(_ABOUT, {"first": row.first}).scalar_one() or {}
        about = {name: told.get(name) and mask_text(str(told[name])) for name in ("field", "value", "fact")}
        about |= {"connector": row.connector, "since": row.since.isoformat(), "reason": _masked(told.get("why"))}
        found.append(AlertCause(AlertKind.VALUE_NOT_MAPPED, f"{row.connector}:{mask_text(row.cause)}", about))
    return found


def events_waiting(connection: Connection, now: datetime, minutes: float, away: Collection[str]) -> list[AlertCause]:
    """Connectors whose events have waited for at least so long, though their account is not ``away``."""
    found = []
    for row in connection.execute(_LONG, {"before": now - timedelta(minutes=minutes)}).all():
        if row.connector in away:
            # That the account is away is told already.
            continue
        why, since = connection.execute(_WHY, {"first": row.first}).one()
        about = {"connector": row.connector, "events": row.number, "since": since.isoformat(), "reason": _masked(why)}
        found.append(AlertCause(AlertKind.EVENTS_WAITING, row.connector, about))
    return found


def _masked(why: str | None) -> str:
    return mask_text(why or "")[:300]
