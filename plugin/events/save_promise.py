"""Keeps the promise of a call with its decision: the first that reminds somebody opens it, a correction changes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, update

from plugin.events.calls import LATE_TERM, Call
from plugin.events.planned import PlannedDelivery
from plugin.ledger.prepared import PreparedInsert
from plugin.ledger.promises import PromiseState, WatchState, promises, watched_reminders

_ADD = PreparedInsert(promises, promises.c.id)
_CHANGE = update(promises).where(promises.c.call_ref == bindparam("of"))
_VOID = (
    update(watched_reminders)
    .where(watched_reminders.c.call_ref == bindparam("of"), watched_reminders.c.state == WatchState.OPEN)
    .values(state=WatchState.VOID, next_look_at=None)
)


def save_promise(
    connection: Connection, call: Call, call_ref: int, decision_ref: int, plan: Sequence[PlannedDelivery], now: datetime
) -> None:
    """Keep what this new decision makes of the call's promise. A call that is only tried out promises nothing."""
    if call.dry_run:
        return
    reminds = any(one.kind == "reminder" and one.withdraws is None for one in plan)
    row = {
        "decision_ref": decision_ref,
        "state": PromiseState.OPEN.value if reminds else PromiseState.WITHDRAWN.value,
        "deadline_at": call.deadline_at,
        "due_by": call.deadline_at if now <= call.deadline_at else now + LATE_TERM,
        "changed_at": now,
    }
    if call.id is not None:
        connection.execute(_VOID, {"of": call_ref})
        ended = {"written_at": None, "ended_at": None if reminds else now}
        if connection.execute(_CHANGE.values(**row, **ended), {"of": call_ref}).rowcount:
            # The promise is ours from here on: what began to be watched while it was waited for.
            connection.execute(_VOID, {"of": call_ref})
            return
    if reminds:
        _ADD.one(connection, row | {"call_ref": call_ref, "watched_from": now})
