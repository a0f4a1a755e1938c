"""Saves what a decision says of its call's number, in the decision's own transaction; it is planned elsewhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    Integer,
    String,
    Text,
    and_,
    bindparam,
    exists,
    false,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)

from plugin.events.plan_suppression import SuppressionChange
from plugin.ledger.prepared import PreparedInsert
from plugin.ledger.schema import UtcTime
from plugin.ledger.suppression import suppressions

_s = suppressions.c
_ADD = PreparedInsert(suppressions, _s.id)
_STANDING_OF_CALL = and_(_s.call_ref == bindparam("of_call"), _s.withdrawn_at.is_(None))
_NEW = ("number", "scope", "suppresses", "at", "call_ref", "changed_at")
_SAME = and_(
    _s.call_ref == bindparam("call_ref", type_=Integer),
    _s.withdrawn_at.is_(None),
    _s.number == bindparam("number", type_=Text),
    _s.scope == bindparam("scope", type_=String),
    _s.suppresses == bindparam("suppresses", type_=Boolean),
)
_ADD_IF_NOT_SAID = insert(suppressions).from_select(
    _NEW,
    select(
        bindparam("number", type_=Text),
        bindparam("scope", type_=String),
        bindparam("suppresses", type_=Boolean),
        bindparam("at", type_=UtcTime),
        bindparam("call_ref", type_=Integer),
        bindparam("changed_at", type_=UtcTime),
    ).where(~exists().where(_SAME)),
    include_defaults=False,
)


def save_suppression(
    connection: Connection, change: SuppressionChange, call_ref: int, now: datetime, *, is_new_call: bool
) -> None:
    """Write what the call says of its number; of a known call only what it has not said, and take back the rest."""
    if change.corrects:
        connection.execute(_withdrawal(change, now), {"of_call": call_ref})
    if change.number is None or not change.said:
        return
    shared = {"number": change.number, "at": change.at, "call_ref": call_ref, "changed_at": now}
    rows = [shared | {"scope": scope, "suppresses": suppresses} for scope, suppresses in change.said]
    if is_new_call:
        _ADD.many(connection, rows)
    else:
        connection.execute(_ADD_IF_NOT_SAID, rows)


def _withdrawal(change: SuppressionChange, now: datetime) -> Any:
    withdraw = update(suppressions).where(_STANDING_OF_CALL).values(withdrawn_at=now, changed_at=now)
    if change.unfinished:
        return withdraw.where(_s.suppresses == false())
    kept = [and_(_s.scope == scope, _s.suppresses == literal(said, Boolean)) for scope, said in change.said]
    return withdraw.where(not_(or_(*kept))) if kept else withdraw
