"""Selects deliveries by number, state, kind, call, age, lateness or the words of their reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from plugin.ledger.schema import calls, deliveries
from plugin.ledger.states import DeliveryState
from plugin.ledger.undone import UNDONE, in_states, is_undone

#: Deliveries that are looked at in one statement, or changed in one transaction.
BATCH = 200

_FOUND = (
    select(
        deliveries,
        calls.c.call_id,
        calls.c.namespace,
        calls.c.phone,
        calls.c.dry_run,
    )
    .join(calls, calls.c.id == deliveries.c.call_ref)
    .order_by(deliveries.c.id)
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions that all have to hold; what is empty or None does not narrow it.

    ``calls`` are the ledger's ids; ``undone``: neither done nor called off.
    """

    ids: tuple[int, ...] = ()
    states: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    calls: tuple[int, ...] | None = None
    since: datetime | None = None
    late: bool = False
    why: str | None = None
    undone: bool = False

    @property
    def is_everything(self) -> bool:
        """Whether nothing narrows it."""
        return self == Selection()

    @property
    def is_of_few(self) -> bool:
        """Whether it takes in no more than what is neither done nor called off, for which there are indexes."""
        return self.undone or (bool(self.states) and set(self.states) <= set(UNDONE))

    def conditions(self, now: datetime) -> list[ColumnElement[bool]]:
        """The conditions on ``deliveries``; ``now`` tells what is late."""
        table = deliveries.c
        found: list[ColumnElement[bool]] = []
        if self.ids:
            found.append(table.id.in_(self.ids))
        if self.states:
            found.append(in_states(self.states))
        if self.undone:
            found.append(is_undone())
        if self.kinds:
            found.append(table.kind.in_(self.kinds))
        if self.calls is not None:
            found.append(table.call_ref.in_(self.calls))
        if self.since is not None:
            found.append(table.created_at >= self.since)
        if self.late:
            found.append(is_late(now))
        if self.why:
            # SQLite folds the case of Latin letters only.
            spellings = {self.why, self.why.lower(), self.why.capitalize()}
            found.append(or_(*(table.why.icontains(text, autoescape=True) for text in sorted(spellings))))
        return found


def is_late(now: datetime) -> ColumnElement[bool]:
    """The promise's deadline went by before it was done, or is going by while it is not."""
    table = deliveries.c
    undone = and_(is_undone(), table.deadline_at < now)
    return or_(undone, and_(in_states((DeliveryState.DONE,)), table.finished_at > table.deadline_at))


def newest_deliveries(
    connection: Connection, chosen: Selection, now: datetime, limit: int, *, before: int | None = None
) -> list[dict[str, Any]]:
    """The newest ``limit`` deliveries, newest first, with their call's id, namespace and phone.

    ``before``: only those with lower numbers.
    """
    number: ColumnElement[int] = deliveries.c.id
    if chosen.is_of_few:
        # Not by the bare number: SQLite would rather go through all of them in that order.
        number = func.coalesce(number, number)
    query = _FOUND.where(*chosen.conditions(now)).order_by(None).order_by(number.desc()).limit(limit)
    if before is not None:
        query = query.where(deliveries.c.id < before)
    return [dict(row) for row in connection.execute(query).mappings()]


def chosen_ids(connection: Connection, chosen: Selection, now: datetime, limit: int | None = None) -> list[int]:
    """The numbers of all that are meant, or of so many, in their order."""
    query = select(deliveries.c.id).where(*chosen.conditions(now)).order_by(deliveries.c.id).limit(limit)
    return list(connection.execute(query).scalars())


def rows_of(
    connection: Connection, ids: Sequence[int], chosen: Selection, now: datetime, *, lock: bool = False
) -> list[dict[str, Any]]:
    """Those of ``ids`` that are still selected; with ``lock``, no other transaction changes them meanwhile."""
    query = _FOUND.where(deliveries.c.id.in_(ids), *chosen.conditions(now))
    if lock:
        query = query.with_for_update(of=deliveries)
    return [dict(row) for row in connection.execute(query).mappings()]
