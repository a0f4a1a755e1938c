"""The calls whose promise is broken or near its end with something left undone, the most urgent first.

Of promises that people have not fulfilled only those of the last day: older ones have a list of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, literal_column, select, union_all

from plugin.ledger.promises import UNSETTLED, promises
from plugin.ledger.schema import UtcTime, calls, deliveries
from plugin.ledger.states import OPEN, DeliveryKind, DeliveryState
from plugin.ledger.undone import in_states

#: How long ago a promise may have been broken that is shown among the pressing ones.
_LATELY = timedelta(days=1)
_MAIL: ColumnElement[str] = literal_column(f"'{DeliveryKind.SMTP_EMAIL}'")
_SOON = bindparam("soon", type_=UtcTime)
_PROMISED: ColumnElement[str] = literal_column("'promised'")
# Said as the partial indexes say it: what goes to the CRM, what goes by mail, what was stopped.
_UNDONE = union_all(
    *(
        select(deliveries.c.call_ref, deliveries.c.deadline_at, deliveries.c.state).where(
            condition, deliveries.c.deadline_at < _SOON
        )
        for condition in (
            and_(in_states(OPEN), deliveries.c.kind != _MAIL),
            and_(in_states(OPEN), deliveries.c.kind == _MAIL),
            in_states((DeliveryState.PARKED,)),
        )
    ),
    select(promises.c.call_ref, promises.c.due_by, _PROMISED).where(
        promises.c.state.in_([literal_column(f"'{state}'") for state in UNSETTLED]),
        promises.c.due_by > bindparam("since", type_=UtcTime),
        promises.c.due_by < _SOON,
    ),
).subquery()
_STOPPED = case((_UNDONE.c.state == literal_column(f"'{DeliveryState.PARKED}'"), 1), else_=0)
_CALLS = (
    select(
        _UNDONE.c.call_ref,
        func.min(_UNDONE.c.deadline_at, type_=UtcTime).label("deadline"),
        func.sum(case((_UNDONE.c.state == _PROMISED, 0), else_=1)).label("undone"),
        func.sum(_STOPPED).label("stopped"),
    )
    .group_by(_UNDONE.c.call_ref)
    .order_by(func.min(_UNDONE.c.deadline_at))
    .limit(bindparam("limit"))
    .subquery()
)
_LISTED = (
    select(_CALLS, calls.c.phone, calls.c.card_name, calls.c.operator)
    .join(calls, calls.c.id == _CALLS.c.call_ref)
    .order_by(_CALLS.c.deadline)
)


@dataclass(frozen=True, slots=True)
class PressingCall:
    """One such call: how much of it has not gone out, and how much of that was stopped."""

    id: int
    deadline: datetime
    undone: int
    stopped: int
    phone: str | None
    client: str | None
    operator: str | None


def pressing_calls(connection: Connection, now: datetime, soon: datetime, limit: int) -> Sequence[PressingCall]:
    """The first of those that were promised by ``soon``."""
    rows = connection.execute(_LISTED, {"soon": soon, "since": now - _LATELY, "limit": limit})
    return [PressingCall(*row) for row in rows]
