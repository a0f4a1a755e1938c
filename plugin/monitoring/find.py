"""Finds the causes of alerts about deliveries, promises, accounts, sources and rules. Reads by index only."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, literal_column, or_, select

from plugin.authoring.revisions.archive import newest_activation
from plugin.delivery.fair_order import INDEXED, OPEN_LITERALS
from plugin.ledger.schema import activations, alerts, breakers, calls, deliveries, events
from plugin.monitoring.hours import working_hours
from plugin.monitoring.model import AT_ONCE, AlertCause, AlertKind, AlertLook, is_new, shown_reason, standing
from plugin.promise.push_list import undone_pushes
from plugin.promise.refused_calls import refused_by_source

#: Deliveries of one call that are named.
_NAMED = 20
#: What was planned later than so long ago is on its way, however near the deadline: a call may be reported late.
_FRESH = timedelta(minutes=10)
#: A call reported after its deadline is to be dealt with in so long.
_LATE_TERM = timedelta(hours=1)
#: So long after the last call to an excluded number its source's alert is over.
_REFUSED_LASTS = timedelta(days=1)
#: So long a number may be on its way to a dialler, however often that is tried.
_PUSH_LASTS = timedelta(hours=1)
#: Ends the cause of an account that the CRM has blocked: that is told although the account had been away before.
_BLOCKED = ":blocked"

_d = deliveries.c
_PARKED = _d.state == literal_column("'parked'")
_UNKEPT = or_(_d.state.in_(OPEN_LITERALS), _PARKED)
#: The parts of what is not done that have an index by deadline each.
_PARTS = (*(and_(_d.state.in_(OPEN_LITERALS), inside) for inside in INDEXED.values()), _PARKED)
_TIME = _d.deadline_at.type
_NOW = bindparam("now", type_=_TIME)

_NEW_PARKED = (
    select(_d.id, _d.kind, _d.why, calls.c.id.label("call"), calls.c.call_id)
    .join(calls, calls.c.id == _d.call_ref)
    .where(_PARKED, is_new(AlertKind.DELIVERY_PARKED, _d.id))
    .limit(AT_ONCE)
)


_TO_MEND = (
    select(_d.mend, func.count().label("number"), func.min(_d.id).label("first"))
    .where(_d.mend.is_not(None), _d.state.in_(OPEN_LITERALS))
    .group_by(_d.mend)
    .order_by(func.min(_d.id))
    .limit(AT_ONCE)
)


def _promises(kind: AlertKind, *where: ColumnElement[bool]) -> list[Select[Any]]:
    return [
        select(calls.c.id, calls.c.call_id, _d.deadline_at)
        .join(calls, calls.c.id == _d.call_ref)
        .where(part, *where, is_new(kind, _d.call_ref))
        .order_by(_d.deadline_at)
        .limit(AT_ONCE)
        for part in _PARTS
    ]


_AT_RISK = _promises(
    AlertKind.PROMISE_AT_RISK,
    _d.deadline_at > _NOW,
    _d.deadline_at <= bindparam("horizon", type_=_TIME),
    _d.created_at <= bindparam("fresh", type_=_TIME),
)
_BROKEN = _promises(
    AlertKind.PROMISE_BROKEN,
    _d.deadline_at <= _NOW,
    or_(_d.created_at < _d.deadline_at, _d.created_at <= bindparam("late", type_=_TIME)),
)
_UNDONE = select(_d.id).where(_d.call_ref == bindparam("call"), _UNKEPT).order_by(_d.id).limit(_NAMED)

_OF_ITS_CALL = and_(_d.call_ref == alerts.c.subject, _UNKEPT)
_OVERDUE = exists().where(_OF_ITS_CALL, _d.deadline_at <= _NOW)
#: Standing alerts of these kinds that are over.
DELIVERY_UNPARKED = ~exists().where(_d.id == alerts.c.subject, _PARKED)
PROMISE_NO_LONGER_AT_RISK = ~exists().where(_OF_ITS_CALL)
PROMISE_NO_LONGER_BROKEN = ~_OVERDUE

_LAST_EVENT = select(func.max(events.c.received_at)).where(events.c.source == bindparam("name"))
_FIRST_ACTIVATION = select(func.min(activations.c.activated_at))


# --- deliveries and promises -------------------------------------------------------------------------


def parked_deliveries(look: AlertLook) -> Iterator[AlertCause]:
    """Deliveries parked since the last look."""
    for row in look.connection.execute(_NEW_PARKED):
        about = {"delivery": row.id, "what": row.kind, "call": row.call, "call_id": row.call_id}
        about |= {"reason": shown_reason(row.why)}
        yield AlertCause(AlertKind.DELIVERY_PARKED, str(row.id), about, row.id)


def settings_at_fault(look: AlertLook) -> Iterator[AlertCause]:
    """What is to be mended in the settings, each once, however many deliveries wait for it."""
    for row in look.connection.execute(_TO_MEND).all():
        about = {"delivery": row.first, "deliveries": row.number, "reason": shown_reason(row.mend)}
        which = hashlib.sha256(row.mend.encode("utf-8", "replace")).hexdigest()[:16]
        yield AlertCause(AlertKind.SETTINGS_AT_FAULT, which, about)


def promises_at_risk(look: AlertLook) -> Iterator[AlertCause]:
    """Calls with something undone whose deadline has come near."""
    return _calls(look, AlertKind.PROMISE_AT_RISK, _AT_RISK)


def promises_broken(look: AlertLook) -> Iterator[AlertCause]:
    """Calls with something undone whose deadline has passed."""
    return _calls(look, AlertKind.PROMISE_BROKEN, _BROKEN)


def overtaken(look: AlertLook) -> Sequence[int]:
    """Alerts of promises at risk that are broken by now: the other alert tells of that."""
    statement = select(alerts.c.id).where(standing(AlertKind.PROMISE_AT_RISK), _OVERDUE)
    return look.connection.execute(statement, {"now": look.now}).scalars().all()


def _calls(look: AlertLook, kind: AlertKind, statements: Sequence[Select[Any]]) -> Iterator[AlertCause]:
    now = look.now
    horizon = now + timedelta(hours=look.settings.alerts.at_risk_hours)
    moments = {"now": now, "horizon": horizon, "fresh": now - _FRESH, "late": now - _LATE_TERM}
    found: dict[int, Any] = {}
    for statement in statements:
        for row in look.connection.execute(statement, moments):
            found.setdefault(row.id, row)
    for row in found.values():
        undone = list(look.connection.execute(_UNDONE, {"call": row.id}).scalars())
        about = {"call": row.id, "call_id": row.call_id, "deadline": row.deadline_at.isoformat(), "deliveries": undone}
        yield AlertCause(kind, str(row.id), about, row.id)


# --- accounts, sources, rules ------------------------------------------------------------------------


def accounts_away(look: AlertLook) -> Iterator[AlertCause]:
    """Accounts that have been away for so long as ``[alerts]`` says, and at once those that the CRM has blocked."""
    for_long = breakers.c.opened_at <= look.now - timedelta(minutes=look.settings.alerts.away_after_minutes)
    for row in look.connection.execute(select(breakers).where(or_(for_long, breakers.c.blocked))):
        if not look.is_configured(row.account):
            continue
        about = {"account": row.account, "since": row.opened_at.isoformat(), "reason": shown_reason(row.why)}
        if row.blocked:
            yield AlertCause(AlertKind.ACCOUNT_AWAY, f"{row.account}{_BLOCKED}", about | {"blocked": True})
        else:
            yield AlertCause(AlertKind.ACCOUNT_AWAY, row.account, about)


def is_still_away(look: AlertLook, alert: Any, _found: Collection[str]) -> bool:
    """An account is back once its breaker is closed."""
    account = alert.cause.removeprefix(f"{AlertKind.ACCOUNT_AWAY}:").removesuffix(_BLOCKED)
    return account in look.open_accounts


def silent_sources(look: AlertLook) -> Iterator[AlertCause]:
    """Sources that have sent nothing for their number of working hours."""
    for source in look.settings.sources:
        hours = source.silent_after_hours
        if hours is None:
            continue
        last = look.connection.execute(_LAST_EVENT, {"name": source.recorded_as}).scalar_one()
        since = last or look.connection.execute(_FIRST_ACTIVATION).scalar_one()
        if since is None:
            continue
        if working_hours(since, look.now, look.settings.alerts.working, look.settings.timezone) >= hours:
            about = {"source": source.name, "last": last.isoformat() if last else None, "hours": hours}
            yield AlertCause(AlertKind.SOURCE_SILENT, source.name, about)


def calls_after_refusal(look: AlertLook) -> Iterator[AlertCause]:
    """Sources whose calls went to excluded numbers within a day."""
    for one in refused_by_source(look.connection, look.now - _REFUSED_LASTS):
        # The number stands as the reason, too: a standing alert is told anew of what has changed in that.
        about = {"source": one.source, "count": one.number, "last": one.last.isoformat(), "reason": str(one.number)}
        yield AlertCause(AlertKind.CALL_AFTER_REFUSAL, one.source, about)


def diallers_behind(look: AlertLook) -> Iterator[AlertCause]:
    """Diallers that lack what they are to hold for an hour, or refuse numbers."""
    undone = undone_pushes(look.connection) if look.settings.diallers else {}
    for dialler in look.settings.diallers:
        counts = undone.get(dialler.name)
        if counts is None:
            continue
        is_late = counts.oldest is not None and counts.oldest <= look.now - _PUSH_LASTS
        if is_late or counts.parked:
            oldest = counts.oldest.isoformat() if counts.oldest is not None else None
            about = {"dialler": dialler.name, "open": counts.open, "parked": counts.parked, "oldest": oldest}
            yield AlertCause(AlertKind.DIALLER_BEHIND, dialler.name, about)


def rules_not_followed(look: AlertLook) -> Iterator[AlertCause]:
    """The newest revision, if this process cannot follow it."""
    if look.unfollowed is not None:
        yield look.unfollowed


def is_still_unfollowed(look: AlertLook, alert: Any, found: Collection[str]) -> bool:
    """Over once the revision is no longer the newest, or this host follows it; other hosts' alerts are theirs."""
    newest = newest_activation(look.connection)
    is_newest = newest is not None and alert.about["revision"] == newest.revision
    return alert.cause in found or (is_newest and alert.about["host"] != look.host)
