"""What the ledger knows about calls, read back for people: a list of them, and one with all that happened to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, case, func, literal, or_, select

from plugin.ledger.call_search import CallSearch, ids_found
from plugin.ledger.schema import UtcTime, acts, attempts, calls, decisions, deliveries, events
from plugin.ledger.states import DeliveryState

#: Ids of calls fit into SQLite's and PostgreSQL's integers; a longer number can only be a CRM's.
_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class CallSummary:
    """One call in a list. ``states`` counts its deliveries by state; ``late``: the promise was not kept in time.

    ``dry_run``: it is only tried out, and nothing of it is sent.
    """

    id: int
    namespace: str
    call_id: str
    occurred_at: datetime
    phone: str | None
    operator: str | None
    card: str | None
    client: str | None
    script: str
    outcome: str | None
    revision: str | None
    deadline_at: datetime
    late: bool
    states: Mapping[str, int]
    dry_run: bool


@dataclass(frozen=True, slots=True)
class CallHistory:
    """One call with its events, decisions, deliveries, their attempts and what was done by hand, each in its order.

    The mappings have the columns of the ledger's tables; a delivery's ``attempts`` are in it.
    """

    summary: CallSummary
    call: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]
    decisions: Sequence[Mapping[str, Any]]
    deliveries: Sequence[Mapping[str, Any]]
    acts: Sequence[Mapping[str, Any]]


def list_calls(
    connection: Connection, now: datetime, search: CallSearch, *, limit: int = 20
) -> tuple[list[CallSummary], bool]:
    """The first ``limit`` calls that are searched for, those that ended last first; and whether there are more."""
    ids = ids_found(connection, search, limit + 1)
    query = select(calls).where(calls.c.id.in_(ids[:limit]))
    rows = {row.id: dict(row._mapping) for row in connection.execute(query)}
    return _summaries(connection, [rows[id_] for id_ in ids[:limit]], now), len(ids) > limit


def find_calls(connection: Connection, given: str) -> list[int]:
    """The ids of the calls with this number or CRM's id: our own number first, then the CRM's id, newest first."""
    number = int(given) if given.isascii() and given.isdigit() and int(given) <= _LARGEST_ID else None
    query = select(calls.c.id).where(or_(calls.c.id == number, calls.c.call_id == given)).order_by(calls.c.id.desc())
    found = list(connection.execute(query).scalars())
    return sorted(found, key=lambda id_: id_ != number)


def read_call(connection: Connection, id_: int, now: datetime) -> CallHistory:
    """All about one call that exists."""
    call = dict(connection.execute(select(calls).where(calls.c.id == id_)).one()._mapping)
    (summary,) = _summaries(connection, [call], now)
    sent = [dict(row, attempts=[]) for row in _of_call(connection, deliveries, id_)]
    by_id = {delivery["id"]: delivery for delivery in sent}
    query = select(attempts).join(deliveries).where(deliveries.c.call_ref == id_).order_by(attempts.c.id)
    for attempt in connection.execute(query):
        by_id[attempt.delivery_ref]["attempts"].append(dict(attempt._mapping))
    received, decided = _of_call(connection, events, id_), _of_call(connection, decisions, id_)
    for event in received:
        if (late := event.pop("card_facts")) is not None:
            event["facts"] = facts_of_event(event["facts"], late)
    return CallHistory(summary, call, received, decided, sent, _of_call(connection, acts, id_))


def facts_of_event(told: Mapping[str, Any] | None, read_late: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The facts that an event stands for: what it told, and what was read of its card later."""
    return {**(read_late or {}), **(told or {})}


def _of_call(connection: Connection, table: Any, id_: int) -> list[dict[str, Any]]:
    query = select(table).where(table.c.call_ref == id_).order_by(table.c.id)
    return [dict(row._mapping) for row in connection.execute(query)]


def _summaries(connection: Connection, rows: Sequence[Mapping[str, Any]], now: datetime) -> list[CallSummary]:
    ids = [row["id"] for row in rows]
    states: dict[int, dict[str, int]] = {id_: {} for id_ in ids}
    overdue: set[int] = set()
    done = and_(deliveries.c.state == DeliveryState.DONE, deliveries.c.finished_at.is_not(None))
    ended = case((done, deliveries.c.finished_at), else_=literal(now, UtcTime))
    is_late = case((and_(deliveries.c.state != DeliveryState.CANCELLED, ended > deliveries.c.deadline_at), 1), else_=0)
    query = (
        select(deliveries.c.call_ref, deliveries.c.state, func.count().label("number"), func.sum(is_late).label("late"))
        .where(deliveries.c.call_ref.in_(ids))
        .group_by(deliveries.c.call_ref, deliveries.c.state)
    )
    for row in connection.execute(query):
        states[row.call_ref][row.state] = row.number
        if row.late:
            overdue.add(row.call_ref)
    revisions = _revisions(connection, ids)
    return [
        CallSummary(
            id=row["id"],
            namespace=row["namespace"],
            call_id=row["call_id"],
            occurred_at=row["last_occurred_at"],
            phone=row["phone"],
            operator=row["operator"],
            card=row["card_id"],
            client=row["card_name"],
            script=row["script"],
            outcome=row["outcome"],
            revision=revisions.get(row["id"]),
            deadline_at=row["deadline_at"],
            late=row["late"] or row["id"] in overdue,
            states={state.value: states[row["id"]][state] for state in DeliveryState if state in states[row["id"]]},
            dry_run=row["dry_run"],
        )
        for row in rows
    ]


def _revisions(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    """The revision that each call was last decided by."""
    query = (
        select(decisions.c.call_ref, decisions.c.revision).where(decisions.c.call_ref.in_(ids)).order_by(decisions.c.id)
    )
    return {row.call_ref: row.revision for row in connection.execute(query)}
