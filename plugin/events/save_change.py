"""Saves an event with what it changes of its call: everything is planned, these functions only write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, update

from plugin.events.calls import Call
from plugin.events.hurried import note_hurried
from plugin.events.parse import ParsedEvent
from plugin.events.plan_change import CallChange, NewDecision
from plugin.events.planned import PlannedDelivery
from plugin.events.save_promise import save_promise
from plugin.events.save_suppression import save_suppression
from plugin.events.schema import CallResult
from plugin.events.unread_cards import note_unread_card
from plugin.ledger.chain import Change, note
from plugin.ledger.prepared import PreparedInsert
from plugin.ledger.restores import planned_state
from plugin.ledger.schema import calls, decisions, deliveries, events

#: Why the deliveries of a source that is only tried out are cancelled.
DRY_RUN = "пробный источник: не отправлено"

_ADD_CALL = PreparedInsert(calls, calls.c.id)
_CHANGE_CALL = update(calls).where(calls.c.id == bindparam("call"))
_ADD_EVENT = PreparedInsert(events, events.c.id)
_ADD_DECISION = PreparedInsert(decisions, decisions.c.id)
_NEW = (deliveries.c.id, deliveries.c.key, deliveries.c.state)
_ADD_DELIVERIES = PreparedInsert(deliveries, *_NEW, values=planned_state("called_at"))
_ADD_ENDED_DELIVERIES = PreparedInsert(deliveries, *_NEW)
_HALT = update(deliveries).where(
    deliveries.c.id.in_(bindparam("ids", expanding=True)), deliveries.c.state.not_in(["done", "cancelled"])
)


@dataclass(frozen=True, slots=True)
class AnsweredEvent:
    """An event to be stored. ``answer`` is given again to a repeat, with the deliveries as they are then."""

    event: ParsedEvent
    result: CallResult
    answer: Mapping[str, Any]


class AddedDelivery(NamedTuple):
    """A delivery that was added, with what the ledger made of it."""

    id: int
    state: str
    planned: PlannedDelivery


@dataclass(frozen=True, slots=True)
class SavedChange:
    """What was stored: the call's id, and the deliveries that were added."""

    call: int
    added: Sequence[AddedDelivery] = ()


def save_event(connection: Connection, answered: AnsweredEvent, **of_its_call: Any) -> int:
    """Store an event; its id. ``of_its_call``: the columns that only an event with an opt-out request has."""
    event, result = answered.event, answered.result
    row = {
        "source": event.source.recorded_as,
        "event_id": result.id,
        "digest": event.digest,
        "received_at": event.received,
        "occurred_at": result.occurred_at,
        "final": result.final,
        "revision": result.ruleset,
        "answer": dict(answered.answer),
    }
    return int(_ADD_EVENT.one(connection, row | of_its_call).id)


def save_change(connection: Connection, change: CallChange, answered: AnsweredEvent | None = None) -> SavedChange:
    """Store the call, the event that changed it, its new decision, its deliveries, and what it says of its number."""
    call_ref = save_call(connection, change.call)
    event_ref = None
    if answered is not None:
        event_ref = save_event(connection, answered, call_ref=call_ref, facts=change.decided.event_facts)
        if answered.result.unread_fields:
            note_unread_card(connection, call_ref, event_ref, answered.result.unread_fields, change.decided.received)
    if change.suppression is not None:
        is_new_call = change.call.id is None
        save_suppression(connection, change.suppression, call_ref, change.decided.received, is_new_call=is_new_call)
    if change.plan.hurried is not None and not change.call.dry_run:
        note_hurried(connection, change.call, call_ref, change.plan.hurried, change.decided.received)
    decision_ref: int | None = None
    added: Sequence[AddedDelivery] = ()
    if change.decision is not None:
        decision_ref = _save_decision(connection, change, change.decision, call_ref, event_ref)
        save_promise(connection, change.call, call_ref, decision_ref, change.plan.add, change.decided.received)
        added = _save_plan(connection, change, call_ref, decision_ref)
    note(connection, _noted(change, call_ref, event_ref, decision_ref, added))
    return SavedChange(call_ref, added)


def _noted(
    change: CallChange,
    call_ref: int,
    event_ref: int | None,
    decision_ref: int | None,
    added: Sequence[AddedDelivery],
) -> Iterator[Change]:
    """What the chain is told: an event with all that it brought, or a decision without one, and what that ended."""
    if event_ref is not None:
        yield Change("event", event_ref, call_ref)
    elif decision_ref is not None:
        yield Change("decision", decision_ref, call_ref)
    else:
        yield Change("call", call_ref, call_ref)
    ended = [*change.plan.cancel, *(row.id for row in added if change.call.dry_run)]
    yield from (Change("delivery", one, call_ref) for one in ended)


def save_call(connection: Connection, call: Call) -> int:
    """Store a new call or what changed of a known one; its id."""
    if call.id is None:
        return int(_ADD_CALL.one(connection, call.columns()).id)
    # An event of a call whose personal data was purged holds personal data again.
    connection.execute(_CHANGE_CALL, {"call": call.id, "purged_at": None, **call.columns()})
    return call.id


def _save_decision(
    connection: Connection, change: CallChange, new: NewDecision, call_ref: int, event_ref: int | None
) -> int:
    decided = change.decided
    row: dict[str, Any] = {
        "call_ref": call_ref,
        "number": new.number,
        "outcome": decided.decision.outcome,
        "event_ref": event_ref,
        "revision": decided.decision.ruleset,
        "facts": dict(decided.facts),
        "decision": decided.decision.to_json(),
        "target": new.target and new.target.to_json(),
        "card": new.card and dict(new.card),
        "created_at": decided.received,
    }
    return int(_ADD_DECISION.one(connection, row).id)


def _save_plan(connection: Connection, change: CallChange, call_ref: int, decision_ref: int) -> Sequence[AddedDelivery]:
    """Add, cancel and stop deliveries; those added. Those of a call that is only tried out are never sent."""
    plan, now = change.plan, change.decided.received
    if plan.cancel:
        values = {"state": "cancelled", "why": "заменено новым решением", "finished_at": now}
        connection.execute(_HALT.values(**values), {"ids": plan.cancel})
    if plan.stop:
        connection.execute(_HALT.values(cancel=True), {"ids": plan.stop})
    if not plan.add:
        return ()
    shared = {
        "call_ref": call_ref,
        "decision_ref": decision_ref,
        "deadline_at": change.call.deadline_at,
        "not_before": now,
        "cancel": False,
        "attempts": 0,
        "created_at": now,
    }
    if change.call.dry_run:
        statement, shared = _ADD_ENDED_DELIVERIES, shared | {"state": "cancelled", "why": DRY_RUN, "finished_at": now}
    else:
        statement, shared = _ADD_DELIVERIES, shared | {"called_at": change.call.first_occurred_at}
    new = {row.key: row for row in statement.many(connection, [row.columns() for row in plan.add], shared)}
    return [AddedDelivery(new[row.key].id, new[row.key].state, row) for row in plan.add]
