"""Notes a call to a number that was excluded before it: «звонок после отказа» (contract 3.8).

Of a call in which nothing was asked for nothing else is kept: not even its number, unless the list holds it anyway.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Integer, String, Text, bindparam, exists, insert, or_, select

from plugin.common.digest import json_digest
from plugin.ledger.schema import UtcTime
from plugin.ledger.suppression import refused_calls, suppressions

#: A call that ended so soon after the refusal may be the very call that the client refused in, as another source tells.
SAME_CALL = timedelta(minutes=10)
#: Longer apart, the same id is another call.
_REUSED_AFTER = timedelta(hours=24)

_s, _r = suppressions.c, refused_calls.c
_LATEST = (
    select(_s.number, _s.suppresses)
    .where(
        _s.number == bindparam("number", type_=Text),
        _s.scope == bindparam("scope", type_=String),
        _s.withdrawn_at.is_(None),
        _s.at < bindparam("before", type_=UtcTime),
        or_(_s.call_ref.is_(None), _s.call_ref != bindparam("own_call", type_=Integer)),
    )
    .order_by(_s.at.desc(), _s.id.desc())
    .limit(1)
    .subquery("latest")
)
_KNOWN = exists().where(
    _r.call_key == bindparam("call_key", type_=String),
    _r.scope == bindparam("scope", type_=String),
    _r.occurred_at > bindparam("earliest", type_=UtcTime),
    _r.occurred_at < bindparam("latest", type_=UtcTime),
)
_NOTE = insert(refused_calls).from_select(
    ["source", "call_key", "number", "scope", "occurred_at", "noticed_at", "call_ref"],
    select(
        bindparam("source", type_=Text),
        bindparam("call_key", type_=String),
        _LATEST.c.number,
        bindparam("scope", type_=String),
        bindparam("occurred_at", type_=UtcTime),
        bindparam("noticed_at", type_=UtcTime),
        bindparam("call_ref", type_=Integer),
    ).where(_LATEST.c.suppresses, ~_KNOWN),
    include_defaults=False,
)


class ReportedCall(NamedTuple):
    """A call as far as it matters here.

    ``call_ref``: the ledger's id where it has the call. ``is_over``: ``occurred_at`` is the call's end.
    """

    source: str
    namespace: str
    call_id: str
    number: str
    occurred_at: datetime
    call_ref: int | None = None
    is_over: bool = True


def note_refused_call(connection: Connection, call: ReportedCall, scope: str, now: datetime) -> bool:
    """Note the call if its number was excluded from this scope when it was made; whether that is new. One statement."""
    given = {
        "source": call.source,
        "call_key": json_digest([call.namespace, call.call_id]),
        "number": call.number,
        "scope": scope,
        "occurred_at": call.occurred_at,
        "noticed_at": now,
        "call_ref": call.call_ref,
        "before": call.occurred_at - (SAME_CALL if call.is_over else timedelta(0)),
        "own_call": call.call_ref or 0,
        "earliest": call.occurred_at - _REUSED_AFTER,
        "latest": call.occurred_at + _REUSED_AFTER,
    }
    return bool(connection.execute(_NOTE, given).rowcount)
