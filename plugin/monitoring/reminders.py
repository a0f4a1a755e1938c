"""Alerts about reminders that were deleted, given to somebody else or put off past the promise in the CRM."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import String as Text
from sqlalchemy import cast, exists, literal, or_, select

from plugin.ledger.promises import WatchState, promises, watched_reminders
from plugin.ledger.schema import alerts, calls
from plugin.monitoring.model import AT_ONCE, AlertCause, AlertKind, AlertLook, standing

_w, _p = watched_reminders.c, promises.c
#: What changed, by the column that says so.
_CHANGES = {"is_missing": "missing", "is_reassigned": "reassigned", "is_postponed": "postponed"}
_CHANGED = or_(*(_w[name] for name in _CHANGES))
_KIND = AlertKind.REMINDER_CHANGED


def _which(name: str) -> object:
    return literal(f"{_KIND}:") + cast(_w.delivery_ref, Text) + literal(f":{_CHANGES[name]}")


# What should have been noticed before there was a watch is not told.
_NEW = (
    select(watched_reminders, calls.c.call_id)
    .join(promises, _p.call_ref == _w.call_ref)
    .join(calls, calls.c.id == _w.call_ref)
    .where(
        _w.noticed_at.is_not(None),
        _CHANGED,
        _w.state == WatchState.OPEN.value,
        _p.due_by > _p.watched_from,
        or_(
            *(
                _w[name] & ~exists().where(alerts.c.closed_at.is_(None), alerts.c.cause == _which(name))
                for name in _CHANGES
            )
        ),
    )
    .order_by(_w.noticed_at)
    .limit(AT_ONCE)
)
_KNOWN = select(alerts.c.cause).where(standing(_KIND))
#: Over once the change is undone, the reminder is done, or a correction took it back.
NO_LONGER_SO = ~exists().where(
    _w.delivery_ref == alerts.c.subject,
    _w.state == WatchState.OPEN.value,
    or_(*(_w[name] & (alerts.c.cause == _which(name)) for name in _CHANGES)),
)


def changed_reminders(look: AlertLook) -> Iterator[AlertCause]:
    """Each change that was noticed, once."""
    rows = look.connection.execute(_NEW).all()
    known = set(look.connection.execute(_KNOWN).scalars()) if rows else set()
    for row in rows:
        for name, what in _CHANGES.items():
            about = {"delivery": row.delivery_ref, "call": row.call_ref, "call_id": row.call_id, "what": what}
            cause = AlertCause(_KIND, f"{row.delivery_ref}:{what}", about, row.delivery_ref)
            if getattr(row, name) and cause.cause not in known:
                yield cause
