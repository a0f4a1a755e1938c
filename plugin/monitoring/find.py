"""Looks for what the admins have to hear of, and for what has come to its end. Reads by index only, changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
)

from plugin.common.log import mask_text
from plugin.config.settings import Settings
from plugin.delivery.fair_order import IN_LANE, OPEN_LITERALS
from plugin.ledger.schema import activations, alerts, breakers, calls, deliveries, events
from plugin.monitoring.hours import working_hours
from plugin.monitoring.model import AlertCause, AlertKind, cause_of, standing
from plugin.resilience.lanes import LANES

#: New causes of a kind that one look takes in; the rest wait for the next.
AT_ONCE = 500
#: Deliveries of one call that are named.
_NAMED = 20
#: What was planned later than so long ago is on its way, however near the deadline: a call may be reported late.
_FRESH = timedelta(minutes=10)
#: A call reported after its deadline is to be dealt with in so long.
_LATE_TERM = timedelta(hours=1)
#: Added to an account that the CRM has shut.
_SHUT = ":blocked"

_d = deliveries.c
_PARKED = _d.state == literal_column("'parked'")
_UNKEPT = or_(_d.state.in_(OPEN_LITERALS), _PARKED)
#: The parts of what is not done that have an index by deadline each.
_PARTS = (*(and_(_d.state.in_(OPEN_LITERALS), IN_LANE[lane]) for lane in LANES), _PARKED)
_TIME = _d.deadline_at.type


def _unknown(kind: AlertKind, column: ColumnElement[int]) -> ColumnElement[bool]:
    return ~exists().where(alerts.c.closed_at.is_(None), alerts.c.cause == cause_of(kind, column))


_NEW_PARKED = (
    select(_d.id, _d.kind, _d.why, calls.c.id.label("call"), calls.c.call_id)
    .join(calls, calls.c.id == _d.call_ref)
    .where(_PARKED, _unknown(AlertKind.DELIVERY_PARKED, _d.id))
    .limit(AT_ONCE)
)


def _promises(kind: AlertKind, part: ColumnElement[bool], *where: ColumnElement[bool]) -> Select[Any]:
    return (
        select(calls.c.id, calls.c.call_id, _d.deadline_at)
        .join(calls, calls.c.id == _d.call_ref)
        .where(part, *where, _unknown(kind, _d.call_ref))
        .order_by(_d.deadline_at)
        .limit(AT_ONCE)
    )


_AT_RISK = [
    _promises(
        AlertKind.PROMISE_AT_RISK,
        part,
        _d.deadline_at > bindparam("now", type_=_TIME),
        _d.deadline_at <= bindparam("horizon", type_=_TIME),
        _d.created_at <= bindparam("fresh", type_=_TIME),
    )
    for part in _PARTS
]
_BROKEN = [
    _promises(
        AlertKind.PROMISE_BROKEN,
        part,
        _d.deadline_at <= bindparam("now", type_=_TIME),
        or_(_d.created_at < _d.deadline_at, _d.created_at <= bindparam("late", type_=_TIME)),
    )
    for part in _PARTS
]
_UNDONE = select(_d.id).where(_d.call_ref == bindparam("call"), _UNKEPT).order_by(_d.id).limit(_NAMED)

_OF_ITS_CALL = and_(_d.call_ref == alerts.c.subject, _UNKEPT)
_OVERDUE = exists().where(_OF_ITS_CALL, _d.deadline_at <= bindparam("now", type_=_TIME))
#: Standing alerts that are over, by kind.
_OVER = {
    AlertKind.DELIVERY_PARKED: ~exists().where(_d.id == alerts.c.subject, _PARKED),
    AlertKind.PROMISE_AT_RISK: ~exists().where(_OF_ITS_CALL),
    AlertKind.PROMISE_BROKEN: ~_OVERDUE,
}
_LAST_EVENT = select(func.max(events.c.received_at)).where(events.c.source == bindparam("name"))
_FIRST_ACTIVATION = select(func.min(activations.c.activated_at))


def new_parked(connection: Connection) -> Iterator[AlertCause]:
    """Deliveries that were left to a human."""
    for row in connection.execute(_NEW_PARKED):
        reason = mask_text(row.why or "")[:300]
        about = {"delivery": row.id, "what": row.kind, "call": row.call, "call_id": row.call_id, "reason": reason}
        yield AlertCause(AlertKind.DELIVERY_PARKED, str(row.id), about, row.id)


def new_promises(connection: Connection, now: datetime, at_risk_hours: float) -> Iterator[AlertCause]:
    """Calls of which not everything is done although the deadline is near, or has passed."""
    moments = {
        "now": now,
        "horizon": now + timedelta(hours=at_risk_hours),
        "fresh": now - _FRESH,
        "late": now - _LATE_TERM,
    }
    for kind, statements in ((AlertKind.PROMISE_AT_RISK, _AT_RISK), (AlertKind.PROMISE_BROKEN, _BROKEN)):
        yield from _each_call(connection, kind, (row for one in statements for row in connection.execute(one, moments)))


def _each_call(connection: Connection, kind: AlertKind, rows: Iterable[Any]) -> Iterator[AlertCause]:
    seen: set[int] = set()
    for row in list(rows):
        if row.id not in seen:
            seen.add(row.id)
            undone = list(connection.execute(_UNDONE, {"call": row.id}).scalars())
            about = {
                "call": row.id,
                "call_id": row.call_id,
                "deadline": row.deadline_at.isoformat(),
                "deliveries": undone,
            }
            yield AlertCause(kind, str(row.id), about, row.id)


def accounts_away(connection: Connection, now: datetime, minutes: float) -> list[AlertCause]:
    """Accounts whose breaker has been open for at least so long, and at once those that the CRM has shut."""
    for_long = breakers.c.opened_at <= now - timedelta(minutes=minutes)
    rows = connection.execute(select(breakers).where(or_(for_long, breakers.c.blocked)))
    return [AlertCause(AlertKind.ACCOUNT_AWAY, _which(row), _about_account(row)) for row in rows]


def accounts_open(connection: Connection) -> set[str]:
    """Accounts whose breaker is open, for however long."""
    return set(connection.execute(select(breakers.c.account).where(breakers.c.opened_at.is_not(None))).scalars())


def accounts_still(accounts: Collection[str]) -> set[str]:
    """The causes of ``accounts_away`` that are not over while the breakers of these are open."""
    return {f"{AlertKind.ACCOUNT_AWAY}:{account}{shut}" for account in accounts for shut in ("", _SHUT)}


def _which(row: Any) -> str:
    # A cause of its own: that it is shut is told although it had been away before.
    return f"{row.account}{_SHUT}" if row.blocked else str(row.account)


def _about_account(row: Any) -> dict[str, Any]:
    about = {"account": row.account, "since": row.opened_at.isoformat(), "reason": mask_text(row.why or "")[:300]}
    return about | ({"blocked": True} if row.blocked else {})


def silent_sources(connection: Connection, now: datetime, settings: Settings) -> list[AlertCause]:
    """Sources from which nothing has come for their number of working hours."""
    found = []
    for source in settings.sources:
        if source.silent_after_hours is None:
            continue
        last = connection.execute(_LAST_EVENT, {"name": source.recorded_as}).scalar_one()
        since = last or connection.execute(_FIRST_ACTIVATION).scalar_one()
        if since is None:
            continue
        passed = working_hours(since, now, settings.alerts.working, settings.timezone)
        if passed >= source.silent_after_hours:
            about = {
                "source": source.name,
                "last": last.isoformat() if last else None,
                "hours": source.silent_after_hours,
            }
            found.append(AlertCause(AlertKind.SOURCE_SILENT, source.name, about))
    return found


def over(connection: Connection, kind: AlertKind, now: datetime) -> Sequence[int]:
    """The standing alerts of this kind whose cause is gone; for the kinds that are about a delivery or a call."""
    statement = select(alerts.c.id).where(standing(kind), _OVER[kind])
    return connection.execute(statement, {"now": now} if kind is AlertKind.PROMISE_BROKEN else {}).scalars().all()


def overtaken(connection: Connection, now: datetime) -> Sequence[int]:
    """Alerts of promises at risk that are broken by now: the other alert tells of that."""
    statement = select(alerts.c.id).where(standing(AlertKind.PROMISE_AT_RISK), _OVERDUE)
    return connection.execute(statement, {"now": now}).scalars().all()
