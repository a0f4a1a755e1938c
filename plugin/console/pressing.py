"""The calls whose promise is broken or near its end with something left undone, the most urgent first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, literal_column, select, union_all

from plugin.ledger.schema import UtcTime, calls, deliveries
from plugin.ledger.states import OPEN, DeliveryKind, DeliveryState
from plugin.ledger.undone import in_states

_MAIL: ColumnElement[str] = literal_column(f"'{DeliveryKind.SMTP_EMAIL}'")
_SOON = bindparam("soon", type_=UtcTime)
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
    )
).subquery()
_STOPPED = case((_UNDONE.c.state == literal_column(f"'{DeliveryState.PARKED}'"), 1), else_=0)
_CALLS = (
    select(
        _UNDONE.c.call_ref,
        func.min(_UNDONE.c.deadline_at, type_=UtcTime).label("deadline"),
        func.count().label("undone"),
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
    """One such call: how much is undone, and how much of that was stopped."""

    id: int
    deadline: datetime
    undone: int
    stopped: int
    phone: str | None
    client: str | None
    operator: str | None


def pressing_calls(connection: Connection, soon: datetime, limit: int) -> Sequence[PressingCall]:
    """The first of those that were promised by ``soon``."""
    rows = connection.execute(_LISTED, {"soon": soon, "limit": limit})
    return [PressingCall(*row) for row in rows]
