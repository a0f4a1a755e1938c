"""The SQL of taking events in: statements built once, one function for each.

Rows that a decision rests on are locked (``FOR UPDATE``) where the database locks rows; SQLite has one writer anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from plugin.deciding.decision.model import Decision, Target
from plugin.deciding.ruleset.values import FactValue
from plugin.events.calls import Call
from plugin.events.merge import CallReport
from plugin.events.plan import DeliveryPlan, ExistingDelivery
from plugin.ledger.schema import calls, decisions, deliveries, events

#: Why the deliveries of a source that is only tried out are cancelled.
DRY_RUN = "пробный источник: не отправлено"

_CALL_COLUMNS = [calls.c[field.name] for field in fields(Call)]
_EVENT = select(events.c.digest, events.c.call_ref, events.c.answer).where(
    events.c.source == bindparam("source"), events.c.event_id == bindparam("event_id")
)
_CALLS = (
    select(*_CALL_COLUMNS)
    .where(calls.c.namespace == bindparam("namespace"), calls.c.call_id == bindparam("call_id"))
    .with_for_update()
)
_CALL = select(*_CALL_COLUMNS).where(calls.c.id == bindparam("call")).with_for_update()
_REPORTS = (
    select(events.c.id, events.c.occurred_at, events.c.facts, events.c.final, events.c.revision)
    .where(events.c.call_ref == bindparam("call"))
    .order_by(events.c.occurred_at, events.c.id)
)
_STANDING = select(decisions.c.id, decisions.c.outcome, decisions.c.target, decisions.c.card).where(
    decisions.c.call_ref == bindparam("call"),
    decisions.c.number == bindparam("number"),
    decisions.c.outcome.is_not(None),
)
_WRITTEN = (
    select(
        deliveries.c.id,
        deliveries.c.decision_ref,
        decisions.c.number,
        decisions.c.outcome,
        deliveries.c.action,
        deliveries.c.kind,
        deliveries.c.role,
        deliveries.c.subject,
        deliveries.c.withdraws,
        deliveries.c.state,
        deliveries.c.sent_at.is_not(None).label("sent"),
    )
    .join(decisions, decisions.c.id == deliveries.c.decision_ref)
    .where(deliveries.c.call_ref == bindparam("call"))
    .order_by(deliveries.c.id)
    .with_for_update(of=deliveries)
)
_SHOWN = (
    select(
        deliveries.c.id,
        deliveries.c.kind,
        deliveries.c.role,
        deliveries.c.action,
        deliveries.c.state,
        deliveries.c.due_at,
    )
    .where(deliveries.c.call_ref == bindparam("call"))
    .order_by(deliveries.c.id)
)
_OCCASIONS = select(func.count()).where(
    decisions.c.call_ref == bindparam("call"),
    decisions.c.number == bindparam("number"),
    decisions.c.outcome.is_(None),
)
_UNFINISHED = (
    select(calls.c.id)
    .where(calls.c.unfinished_at <= bindparam("now", type_=calls.c.unfinished_at.type))
    .order_by(calls.c.unfinished_at, calls.c.id)
    .limit(bindparam("limit"))
)
_ADD_CALL = insert(calls)
_CHANGE_CALL = update(calls).where(calls.c.id == bindparam("call"))
_ADD_EVENT = insert(events)
_ADD_DECISION = insert(decisions)
_ADD_DELIVERIES = insert(deliveries)
_HALT = update(deliveries).where(
    deliveries.c.id.in_(bindparam("ids", expanding=True)), deliveries.c.state.not_in(["done", "cancelled"])
)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event taken in before. ``call`` None: there was no opt-out request in it."""

    digest: str
    call: int | None
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredReport:
    """What an event of a call said. ``pin`` is the revision that its operator worked with."""

    report: CallReport
    final: bool
    pin: str | None


@dataclass(frozen=True, slots=True)
class CurrentDecision:
    """The decision that stands for a call."""

    id: int
    outcome: str
    target: Target | None
    card: Mapping[str, Any] | None


def find_event(connection: Connection, source: str, event_id: str) -> StoredEvent | None:
    """The event under this identity."""
    row = connection.execute(_EVENT, {"source": source, "event_id": event_id}).one_or_none()
    return row and StoredEvent(*row)


def calls_of(connection: Connection, namespace: str, call_id: str) -> list[Call]:
    """Every generation of a call id, locked."""
    rows = connection.execute(_CALLS, {"namespace": namespace, "call_id": call_id})
    return [Call.of_row(row) for row in rows]


def call_at(connection: Connection, id_: int) -> Call:
    """One call, locked."""
    return Call.of_row(connection.execute(_CALL, {"call": id_}).one())


def reports_of(connection: Connection, call: int) -> list[StoredReport]:
    """What the call's events said, in order of occurrence, then of receipt."""
    return [
        StoredReport(CallReport(row.occurred_at, row.id, row.facts or {}), row.final, row.revision)
        for row in connection.execute(_REPORTS, {"call": call})
    ]


def standing_decision(connection: Connection, call: Call) -> CurrentDecision | None:
    """The last decision with an outcome, None before the first."""
    if call.decision_number == 0:
        return None
    row = connection.execute(_STANDING, {"call": call.id, "number": call.decision_number}).one()
    return CurrentDecision(row.id, row.outcome, row.target and Target(**row.target["find"]), row.card)


def written_for(connection: Connection, call: int) -> list[ExistingDelivery]:
    """Every delivery of the call, locked."""
    return [ExistingDelivery(*row) for row in connection.execute(_WRITTEN, {"call": call})]


def shown_deliveries(connection: Connection, call: int) -> list[dict[str, Any]]:
    """The call's deliveries as they stand now, for an answer."""
    return [
        {"id": row.id, "kind": row.kind, "role": row.role, "action": row.action, "state": row.state}
        | ({"due_at": row.due_at.isoformat()} if row.due_at else {})
        for row in connection.execute(_SHOWN, {"call": call})
    ]


def occasions(connection: Connection, call: int, number: int) -> int:
    """How often a reminder of an unfinished call was planned under this number."""
    return connection.execute(_OCCASIONS, {"call": call, "number": number}).scalar_one()


def unfinished_calls(connection: Connection, now: datetime, limit: int) -> list[int]:
    """Calls that have been waiting for their end for too long."""
    return list(connection.execute(_UNFINISHED, {"now": now, "limit": limit}).scalars())


def save_call(connection: Connection, call: Call) -> int:
    """Store a new call or what changed of a known one; its id."""
    if call.id is None:
        return _added(connection.execute(_ADD_CALL, call.columns()))
    # An event of a call whose personal data was removed brings some again.
    connection.execute(_CHANGE_CALL, {"call": call.id, "purged_at": None, **call.columns()})
    return call.id


def save_event(connection: Connection, columns: Mapping[str, Any]) -> int:
    """Store an event; its id."""
    return _added(connection.execute(_ADD_EVENT, dict(columns)))


def save_decision(
    connection: Connection,
    call: int,
    number: int,
    decision: Decision,
    facts: Mapping[str, FactValue],
    *,
    event: int | None,
    target: Target | None,
    card: Mapping[str, Any] | None,
    now: datetime,
) -> int:
    """Store a decision; its id."""
    columns = {
        "call_ref": call,
        "number": number,
        "outcome": decision.outcome,
        "event_ref": event,
        "revision": decision.ruleset,
        "facts": dict(facts),
        "decision": decision.to_json(),
        "created_at": now,
    }
    # Left out rather than None, which a JSON column would keep as the JSON value null.
    if target is not None:
        columns["target"] = target.to_json()
    if card is not None:
        columns["card"] = dict(card)
    return _added(connection.execute(_ADD_DECISION, columns))


def save_plan(
    connection: Connection,
    call: int,
    decision: int,
    plan: DeliveryPlan,
    *,
    deadline: datetime,
    now: datetime,
    dry_run: bool,
) -> None:
    """Add, cancel and stop deliveries; those of a call that is only tried out are recorded as never sent."""
    if plan.cancel:
        values = {"state": "cancelled", "why": "заменено новым решением", "finished_at": now}
        connection.execute(_HALT.values(**values), {"ids": plan.cancel})
    if plan.stop:
        connection.execute(_HALT.values(cancel=True), {"ids": plan.stop})
    if plan.add:
        shared = {
            "call_ref": call,
            "decision_ref": decision,
            "deadline_at": deadline,
            "state": "pending",
            "not_before": now,
            "cancel": False,
            "attempts": 0,
            "created_at": now,
        }
        if dry_run:
            shared |= {"state": "cancelled", "why": DRY_RUN, "finished_at": now}
        connection.execute(_ADD_DELIVERIES, [shared | row.columns() for row in plan.add])


def _added(result: Any) -> int:
    return int(result.inserted_primary_key[0])
