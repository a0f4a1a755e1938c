"""A ledger put back from a copy does not know what was sent since: all that is older is looked for in the CRM first.

What is open is marked as perhaps sent at once, and deliveries that are planned later for calls of before by a statement
in the ledger itself, so that it holds for every process, in whatever order they are started.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    Table,
    bindparam,
    case,
    func,
    insert,
    null,
    select,
    update,
)

from plugin.ledger.schema import UtcTime, deliveries, metadata
from plugin.ledger.states import OPEN, DeliveryState

#: How far ahead of this machine's clock a source's may be: a call reported before the restoring may seem so much later.
_CLOCKS_APART = timedelta(minutes=5)

restores = Table(
    "restores",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcTime, nullable=False),
    # Calls up to then may have been carried out by the ledger that was lost.
    Column("calls_until", UtcTime, nullable=False),
)

_SINCE = select(func.max(restores.c.at)).scalar_subquery()
_UNTIL = select(func.max(restores.c.calls_until)).scalar_subquery()
_LOOK_FIRST = {"sent_at": bindparam("now"), "not_before": bindparam("now"), "owner": null(), "lease_until": null()}
_MARK_OPEN = update(deliveries).where(deliveries.c.state.in_(OPEN))
_MARK_PARKED = update(deliveries).where(deliveries.c.state == DeliveryState.PARKED, deliveries.c.sent_at.is_(None))


def mark_restored(connection: Connection, now: datetime) -> int:
    """Have everything up to ``now`` looked for in the CRM before it is sent; how many deliveries that are open.

    Parked ones are looked for once they are retried.
    """
    connection.execute(insert(restores), {"at": now, "calls_until": now + _CLOCKS_APART})
    marked = _MARK_OPEN.values(state=DeliveryState.UNKNOWN, **_LOOK_FIRST)
    count = connection.execute(marked, {"now": now}).rowcount
    connection.execute(_MARK_PARKED.values(sent_at=bindparam("now")), {"now": now})
    return count


def planned_state(called_at: str) -> dict[str, ColumnElement[object]]:
    """The columns of a delivery that is planned now: pending, or perhaps sent by the ledger that was lost.

    ``called_at`` names the parameter with the time of the call.
    """
    before = bindparam(called_at, type_=UtcTime()) <= _UNTIL
    return {
        "state": case((before, DeliveryState.UNKNOWN.value), else_=DeliveryState.PENDING.value),
        "sent_at": case((before, _SINCE), else_=null()),
    }
