"""Removes from the suppression list what says nothing any more: old statements that were taken back or released.

Old calls to excluded numbers go as well.

What a number is excluded by stays, however old, with the number: without it the client would be called again.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BindParameter, Connection, bindparam, delete, exists, or_, select, tuple_

from plugin.ledger.chain.forget import forget_records
from plugin.ledger.pushed_numbers import PushState, pushed_numbers
from plugin.ledger.schema import UtcTime
from plugin.ledger.suppressed_emails import suppressed_emails
from plugin.ledger.suppression import refused_calls, suppressions

_s, _other = suppressions.c, suppressions.alias("other")
_OLD = bindparam("before", type_=UtcTime)
_LIMIT: BindParameter[int] = bindparam("limit")
_SAME = (_other.c.number == _s.number, _other.c.scope == _s.scope, _other.c.withdrawn_at.is_(None))
_PLACE, _OTHER_PLACE = tuple_(_s.at, _s.id), tuple_(_other.c.at, _other.c.id)
_RELEASED = exists().where(*_SAME, ~_other.c.suppresses, _other.c.changed_at < _OLD, _OTHER_PLACE > _PLACE)
_AFTER_SOMETHING = exists().where(*_SAME, _OTHER_PLACE < _PLACE)
_SAID = (_s.id, _s.call_ref)
_OVER = (
    delete(suppressions)
    .where(
        _s.id.in_(select(_s.id).where(_s.changed_at < _OLD, or_(_s.withdrawn_at.is_not(None), _RELEASED)).limit(_LIMIT))
    )
    .returning(*_SAID)
)
#: A release of which nothing is left that it released.
_RELEASES = (
    delete(suppressions)
    .where(
        _s.id.in_(
            select(_s.id)
            .where(_s.changed_at < _OLD, _s.withdrawn_at.is_(None), ~_s.suppresses, ~_AFTER_SOMETHING)
            .limit(_LIMIT)
        )
    )
    .returning(*_SAID)
)


_CALLED = delete(refused_calls).where(
    refused_calls.c.id.in_(select(refused_calls.c.id).where(refused_calls.c.noticed_at < _OLD).limit(_LIMIT))
)
#: What a dialler holds no more, and is not to hold.
_TAKEN_OUT = delete(pushed_numbers).where(
    pushed_numbers.c.id.in_(
        select(pushed_numbers.c.id)
        .where(
            ~pushed_numbers.c.wanted,
            pushed_numbers.c.state == PushState.DONE.value,
            pushed_numbers.c.settled_at < _OLD,
        )
        .limit(_LIMIT)
    )
)
#: Addresses of a number of which nothing is said any more.
_EMAILS = delete(suppressed_emails).where(
    suppressed_emails.c.id.in_(
        select(suppressed_emails.c.id)
        .where(
            suppressed_emails.c.noted_at < _OLD, ~exists().where(suppressions.c.number == suppressed_emails.c.number)
        )
        .limit(_LIMIT)
    )
)


def purge_suppressions(connection: Connection, before: datetime, limit: int) -> int:
    """Remove so many of those that last changed before; how many there were."""
    chosen = {"before": before, "limit": limit}
    for statement in (_OVER, _RELEASES):
        removed = connection.execute(statement, chosen).all()
        if removed:
            forget_records(connection, "said", sorted({row.call_ref for row in removed if row.call_ref is not None}))
            forget_records(connection, "suppression", [row.id for row in removed if row.call_ref is None])
            return len(removed)
    return connection.execute(_CALLED, chosen).rowcount or (
        connection.execute(_TAKEN_OUT, chosen).rowcount or connection.execute(_EMAILS, chosen).rowcount
    )
