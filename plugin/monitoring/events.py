"""Finds the causes of alerts about the CRM's own events: parked, not mapped, waiting for long, or not caught up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, exists, func, literal_column, select

from plugin.common.log import mask_text
from plugin.ledger.connected import catch_ups, kept_references
from plugin.ledger.schema import alerts
from plugin.monitoring.model import AT_ONCE, AlertCause, AlertKind, AlertLook, is_new, shown_reason

_c = kept_references.c
_WAITING = _c.state == literal_column("'waiting'")
_PARKED = _c.state == literal_column("'parked'")
_NEW_PARKED = (
    select(_c.id, _c.connector, _c.kind, _c.why)
    .where(_PARKED, is_new(AlertKind.EVENT_PARKED, _c.id))
    .order_by(_c.id)
    .limit(AT_ONCE)
)
#: Standing alerts of parked events that are over.
EVENT_UNPARKED = ~exists().where(_c.id == alerts.c.subject, _PARKED)
_NOT_MAPPED = (
    select(_c.cause, _c.connector, func.min(_c.id).label("first"), func.min(_c.received_at).label("since"))
    .where(_WAITING, _c.cause.is_not(None))
    .group_by(_c.cause, _c.connector)
    .order_by(func.min(_c.id))
    .limit(AT_ONCE)
)
_ABOUT = select(_c.about).where(_c.id == bindparam("first"))
_LONG = (
    select(_c.connector, func.count().label("number"), func.min(_c.id).label("first"), func.min(_c.received_at))
    .where(_WAITING, _c.cause.is_(None), _c.received_at <= bindparam("before", type_=_c.received_at.type))
    .group_by(_c.connector)
    .order_by(_c.connector)
)
_FAILING = select(catch_ups.c.account, catch_ups.c.since, catch_ups.c.failing_at, catch_ups.c.why).where(
    catch_ups.c.failing_at <= bindparam("before", type_=_c.received_at.type)
)
_WHY = select(_c.why, _c.received_at).where(_c.id == bindparam("first"))


def parked_events(look: AlertLook) -> Iterator[AlertCause]:
    """Events parked since the last look."""
    for row in look.connection.execute(_NEW_PARKED):
        about = {"event": row.id, "connector": row.connector, "what": row.kind, "reason": shown_reason(row.why)}
        yield AlertCause(AlertKind.EVENT_PARKED, str(row.id), about, row.id)


def values_not_mapped(look: AlertLook) -> Iterator[AlertCause]:
    """Each value of the CRM that events wait for because the mapping gives it no meaning."""
    for row in look.connection.execute(_NOT_MAPPED).all():
        cause: dict[str, Any] = look.connection.execute(_ABOUT, {"first": row.first}).scalar_one() or {}
        about = {name: cause.get(name) and mask_text(str(cause[name])) for name in ("field", "value", "fact")}
        about |= {"connector": row.connector, "since": row.since.isoformat(), "reason": shown_reason(cause.get("why"))}
        yield AlertCause(AlertKind.VALUE_NOT_MAPPED, f"{row.connector}:{mask_text(row.cause)}", about)


def events_waiting(look: AlertLook) -> Iterator[AlertCause]:
    """Connectors whose events have waited for long; an account that is away has an alert of its own."""
    before = look.now - timedelta(minutes=look.settings.alerts.away_after_minutes)
    for row in look.connection.execute(_LONG, {"before": before}).all():
        if row.connector not in look.open_accounts:
            why, since = look.connection.execute(_WHY, {"first": row.first}).one()
            about = {"connector": row.connector, "events": row.number, "since": since.isoformat()}
            yield AlertCause(AlertKind.EVENTS_WAITING, row.connector, about | {"reason": shown_reason(why)})


def catch_ups_failing(look: AlertLook) -> Iterator[AlertCause]:
    """CRMs of which it cannot be read for long what was missed; one that is away has an alert of its own."""
    before = look.now - timedelta(minutes=look.settings.alerts.away_after_minutes)
    for row in look.connection.execute(_FAILING, {"before": before}).all():
        if row.account not in look.open_accounts:
            about = {"connector": row.account, "since": row.since.isoformat(), "failing": row.failing_at.isoformat()}
            yield AlertCause(AlertKind.CATCH_UP_FAILED, row.account, about | {"reason": shown_reason(row.why)})
