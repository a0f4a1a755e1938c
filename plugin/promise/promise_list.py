"""Promises read for people: a list of them, one with its reminders, and how many are in which state."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, or_, select

from plugin.ledger.promises import promises, watched_reminders
from plugin.ledger.schema import UtcTime, calls, deliveries
from plugin.promise.bookkeeping import IS_REMINDER, IS_UNSETTLED

_p, _d, _w = promises.c, deliveries.c, watched_reminders.c
_PROMISES = select(
    *(_p.call_ref, _p.decision_ref, _p.state, _p.deadline_at, _p.due_by, _p.written_at, _p.ended_at),
    *(calls.c.call_id, calls.c.namespace, calls.c.script, calls.c.phone, calls.c.operator, calls.c.outcome),
    *(calls.c.first_occurred_at, calls.c.purged_at),
).join(calls, calls.c.id == _p.call_ref)
_REMINDERS = (
    select(
        *(_d.id, _d.action, _d.role, _d.state.label("delivery"), _d.due_at, _d.assignee, _d.finished_at, _d.remote_id),
        *(_w.state.label("watch"), _w.looked_at, _w.next_look_at, _w.done_by, _w.done_at, _w.done_through),
        *(_w.first_person, _w.person, _w.due, _w.is_missing, _w.is_reassigned, _w.is_postponed, _w.noticed_at),
    )
    .outerjoin(watched_reminders, _w.delivery_ref == _d.id)
    .where(_d.decision_ref == bindparam("decision"), IS_REMINDER)
    .order_by(_d.id)
)
_STANDING = select(_p.state, func.count().label("number")).where(IS_UNSETTLED).group_by(_p.state)
_ENDED = (
    select(_p.state, func.count().label("number"))
    .where(_p.ended_at > bindparam("since", type_=UtcTime))
    .group_by(_p.state)
)


@dataclass(frozen=True, slots=True)
class Promise:
    """What was promised in a call, and how far it is. ``ended_at``: done, broken or withdrawn since then."""

    call: int
    decision: int
    call_id: str
    source: str
    script: str
    phone: str | None
    operator: str | None
    outcome: str | None
    called_at: datetime
    state: str
    deadline_at: datetime
    due_by: datetime
    written_at: datetime | None
    ended_at: datetime | None
    is_purged: bool


@dataclass(frozen=True, slots=True)
class PromisedReminder:
    """One reminder of a promise: its delivery, and what is known of it in the CRM.

    ``is_done`` with by whom, when and who says so (``done_through``: crm | link); what changed of it there: it is gone
    (``is_missing``), another person's (``is_reassigned``), or due past the promise (``is_postponed``).
    """

    delivery: int
    action: str
    role: str | None
    delivery_state: str
    assignee: Mapping[str, Any] | None
    remote_id: str | None
    due_at: datetime | None
    is_done: bool
    done_by: str | None
    done_at: datetime | None
    done_through: str | None
    looked_at: datetime | None
    next_look_at: datetime | None
    person: str | None
    is_missing: bool
    is_reassigned: bool
    is_postponed: bool
    noticed_at: datetime | None


@dataclass(frozen=True, slots=True)
class PromiseCounts:
    """How many promises stand in each state that is not settled, and how many ended lately in each."""

    standing: Mapping[str, int]
    ended: Mapping[str, int]


def list_promises(
    connection: Connection, states: Collection[str] = (), *, limit: int = 20, after: int | None = None
) -> Sequence[Promise]:
    """Promises of these states (none: all that are not settled), the nearest to their deadline first.

    ``after``: the call after which the list goes on.
    """
    query = _PROMISES.where(_p.state.in_(list(states)) if states else IS_UNSETTLED)
    if after is not None:
        last = connection.execute(select(_p.due_by, _p.call_ref).where(_p.call_ref == after)).first()
        if last is None:
            return []
        query = query.where(or_(_p.due_by > last.due_by, (_p.due_by == last.due_by) & (_p.call_ref > after)))
    rows = connection.execute(query.order_by(_p.due_by, _p.call_ref).limit(limit))
    return [_promise(row) for row in rows]


def read_promise(connection: Connection, call: int) -> tuple[Promise, Sequence[PromisedReminder]] | None:
    """The promise of this call (the ledger's id) with its reminders; None where nothing was promised in it."""
    row = connection.execute(_PROMISES.where(_p.call_ref == call)).first()
    if row is None:
        return None
    reminders = connection.execute(_REMINDERS, {"decision": row.decision_ref}).all()
    return _promise(row), [_reminder(one) for one in reminders]


def count_promises(connection: Connection, since: datetime) -> PromiseCounts:
    """How many there are now, and how many ended after ``since``."""
    standing = {row.state: row.number for row in connection.execute(_STANDING)}
    ended = {row.state: row.number for row in connection.execute(_ENDED, {"since": since})}
    return PromiseCounts(standing, ended)


def _promise(row: Any) -> Promise:
    return Promise(
        call=row.call_ref,
        decision=row.decision_ref,
        call_id=row.call_id,
        source=row.namespace,
        script=row.script,
        phone=row.phone,
        operator=row.operator,
        outcome=row.outcome,
        called_at=row.first_occurred_at,
        state=row.state,
        deadline_at=row.deadline_at,
        due_by=row.due_by,
        written_at=row.written_at,
        ended_at=row.ended_at,
        is_purged=row.purged_at is not None,
    )


def _reminder(row: Any) -> PromisedReminder:
    return PromisedReminder(
        delivery=row.id,
        action=row.action,
        role=row.role,
        delivery_state=row.delivery,
        assignee=row.assignee,
        remote_id=row.remote_id,
        due_at=row.due_at,
        is_done=row.watch == "done",
        done_by=row.done_by,
        done_at=row.done_at,
        done_through=row.done_through,
        looked_at=row.looked_at,
        next_look_at=row.next_look_at,
        person=row.person or row.first_person,
        is_missing=bool(row.is_missing),
        is_reassigned=bool(row.is_reassigned),
        is_postponed=bool(row.is_postponed),
        noticed_at=row.noticed_at,
    )
