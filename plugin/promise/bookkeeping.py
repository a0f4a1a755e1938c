"""Keeps the states of promises up to date by what the deliveries and the watched reminders have come to.

Several processes may: each pass is a transaction that is alone, and finds what the one before it has left.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    exists,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from plugin.common.clock import Now
from plugin.ledger import Ledger
from plugin.ledger.promises import ESCALATION, UNSETTLED, PromiseState, WatchState, promises, watched_reminders
from plugin.ledger.schema import UtcTime, calls, deliveries
from plugin.ledger.states import OPEN, DeliveryKind, DeliveryState
from plugin.promise.promise_state import ReminderStanding, standing_of

_LOG = structlog.get_logger(__name__)

#: Promises and reminders that one pass takes in.
_AT_ONCE = 500
_d, _p, _w = deliveries.c, promises.c, watched_reminders.c
_NOW = bindparam("now", type_=UtcTime)

#: What belongs to a promise itself: nothing that an escalation sent, nor what closes a reminder that is done.
OF_PROMISE = and_(
    ~_d.action.startswith(ESCALATION, autoescape=True), _d.kind != literal_column(f"'{DeliveryKind.COMPLETION}'")
)
#: A reminder that somebody has to do.
IS_REMINDER = and_(_d.kind == literal_column(f"'{DeliveryKind.REMINDER}'"), _d.withdraws.is_(None), OF_PROMISE)
_UNFINISHED: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in (*OPEN, DeliveryState.PARKED)]
UNDELIVERED = exists().where(_d.decision_ref == _p.decision_ref, _d.state.in_(_UNFINISHED), OF_PROMISE)
IS_UNSETTLED = _p.state.in_([literal_column(f"'{state}'") for state in UNSETTLED])
_UNWATCHED = (
    select(_d.id, _p.call_ref, _d.remote_id, _p.due_by)
    .select_from(promises)
    .join(deliveries, _d.decision_ref == _p.decision_ref)
    .where(
        IS_UNSETTLED,
        IS_REMINDER,
        _d.state == literal_column(f"'{DeliveryState.DONE}'"),
        ~exists().where(_w.delivery_ref == _d.id),
    )
    .order_by(_d.id)
    .limit(_AT_ONCE)
)
# What a correction takes back at the same time is waited for, and then no longer found.
_NEW = _UNWATCHED.with_for_update(of=promises)
_CHANGED = (
    select(_p.call_ref)
    .where(
        IS_UNSETTLED,
        or_(
            and_(_p.written_at.is_(None), ~UNDELIVERED),
            and_(_p.state != literal_column(f"'{PromiseState.BROKEN}'"), _p.due_by <= _NOW),
        ),
    )
    .order_by(_p.id)
    .limit(_AT_ONCE)
)
_TO_JUDGE = (
    select(promises, calls.c.deadline_at.label("promised"), UNDELIVERED.label("undelivered"))
    .join(calls, calls.c.id == _p.call_ref)
    .where(_p.call_ref.in_(bindparam("calls", expanding=True)), IS_UNSETTLED)
    .order_by(_p.id)
    .with_for_update(of=promises)
)
_REMINDERS = (
    select(_d.decision_ref, _d.state.label("delivery"), _w.state.label("watch"), _w.done_at, _w.looked_at)
    .outerjoin(watched_reminders, _w.delivery_ref == _d.id)
    .where(_d.decision_ref.in_(bindparam("decisions", expanding=True)), IS_REMINDER)
)
_CHANGE = update(promises).where(_p.id == bindparam("of"))


class PromiseBook:
    """Brings promises up to date. Raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, now: Now) -> None:
        self._ledger = ledger
        self._now = now

    def step(self) -> int:
        """Take in what has gone out, and what time has done; how many reminders and promises that were."""
        with self._ledger.read() as connection:
            now = self._ledger.moment(connection, self._now)
            if not (connection.execute(_UNWATCHED).first() or connection.execute(_CHANGED, {"now": now}).first()):
                return 0
        with self._ledger.write(alone=True) as connection:
            now = self._ledger.moment(connection, self._now)
            new = connection.execute(_NEW).all()
            if new:
                connection.execute(insert(watched_reminders), [_watched(row, now) for row in new])
            changed = judge(connection, connection.execute(_CHANGED, {"now": now}).scalars().all(), now)
        return len(new) + changed


def judge(connection: Connection, of_calls: Sequence[int], now: datetime) -> int:
    """Bring the promises of these calls up to date, in a transaction that writes; how many changed their state.

    One that is settled already stays as it is.
    """
    rows = connection.execute(_TO_JUDGE, {"calls": list(of_calls)}).all() if of_calls else []
    if not rows:
        return 0
    reminders: dict[int, list[ReminderStanding]] = {}
    for one in connection.execute(_REMINDERS, {"decisions": [row.decision_ref for row in rows]}):
        found = ReminderStanding(one.delivery, one.watch, one.done_at, one.looked_at)
        reminders.setdefault(one.decision_ref, []).append(found)
    return sum(_judge_one(connection, row, reminders.get(row.decision_ref, ()), now) for row in rows)


def _judge_one(connection: Connection, row: Any, reminders: Sequence[ReminderStanding], now: datetime) -> bool:
    standing = standing_of(reminders, row.promised, row.due_by, now, undelivered=bool(row.undelivered))
    changes: dict[str, Any] = {}
    if standing.is_written and row.written_at is None:
        changes["written_at"] = now
    if standing.state != row.state:
        changes |= {"state": standing.state.value, "ended_at": standing.ended_at}
    if not changes:
        return False
    connection.execute(_CHANGE.values(**changes, deadline_at=row.promised, changed_at=now), {"of": row.id})
    if "state" in changes:
        _LOG.info("promise.state", call_ref=row.call_ref, state=standing.state.value, was=row.state)
    return "state" in changes


def _watched(row: Any, now: datetime) -> dict[str, Any]:
    shown = {"delivery_ref": row.id, "call_ref": row.call_ref, "remote_id": row.remote_id, "due_by": row.due_by}
    flags = dict.fromkeys(("is_missing", "is_reassigned", "is_postponed"), False)
    # The first look, at once, tells whose it is and when it is due.
    return shown | flags | {"state": WatchState.OPEN.value, "next_look_at": now if row.remote_id else None}
