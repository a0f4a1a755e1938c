"""Selects deliveries by number, state, kind, call, age, lateness or the words of their reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, literal_column, or_, select

from plugin.ledger.schema import calls, deliveries
from plugin.ledger.states import OPEN, DeliveryState

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

    def conditions(self, now: datetime) -> list[ColumnElement[bool]]:
        """The conditions on ``deliveries``; ``now`` tells what is late."""
        table = deliveries.c
        found: list[ColumnElement[bool]] = []
        if self.ids:
            found.append(table.id.in_(self.ids))
        if self.states:
            found.append(in_states(self.states))
        if self.undone:
            found.append(in_states((*OPEN, DeliveryState.PARKED)))
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


def in_states(states: Sequence[str]) -> ColumnElement[bool]:
    """Being in one of these states, said so that a partial index on them is used by any database."""
    literals: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in states]
    chosen = deliveries.c.state == literals[0] if len(literals) == 1 else deliveries.c.state.in_(literals)
    if set(states) < set(OPEN):
        return and_(chosen, in_states(OPEN))
    return chosen


def is_late(now: datetime) -> ColumnElement[bool]:
    """The promise's deadline went by before it was done, or is going by while it is not."""
    table = deliveries.c
    undone = and_(in_states((*OPEN, DeliveryState.PARKED)), table.deadline_at < now)
    return or_(undone, and_(in_states((DeliveryState.DONE,)), table.finished_at > table.deadline_at))


def newest_deliveries(
    connection: Connection, chosen: Selection, now: datetime, limit: int, *, before: int | None = None
) -> list[dict[str, Any]]:
    """The newest ``limit`` deliveries, newest first, with their call's id, namespace and phone.

    ``before``: only those with lower numbers.
    """
    query = _FOUND.where(*chosen.conditions(now)).order_by(None).order_by(deliveries.c.id.desc()).limit(limit)
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
