"""What each kind of the chain's records holds: which columns of which rows, as they stand in the ledger now.

Columns by which the plugin works and which tell nothing of the call (leases, times of the next attempt) are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    column,
    func,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import NullType

from plugin.ledger.chain.links import Content, Row
from plugin.ledger.promises import WatchState, watched_reminders
from plugin.ledger.schema import UtcTime, acts, attempts, calls, decisions, deliveries, events
from plugin.ledger.states import ENDED
from plugin.ledger.suppression import suppressions
from plugin.ledger.trails import trails


class RecordKey(NamedTuple):
    """A record of the ledger: its kind, and the id by which its rows are found."""

    kind: str
    ref: int


@dataclass(frozen=True)
class Part:
    """Rows of a table that belong to a record: found by ``by``, over ``joins`` to other tables where need be."""

    table: Table
    columns: Sequence[Column[Any]]
    by: Column[Any]
    where: ColumnElement[bool] | None = None
    joins: Sequence[tuple[Table, ColumnElement[bool]]] = ()

    @cached_property
    def on_sqlite(self) -> Select[Any]:
        """The record's id, then the values as they are digested: as they are stored."""
        given = func.json_each(bindparam("refs", type_=Text)).table_valued("value")
        return self._query([type_coerce(one, NullType) for one in self.columns], given)

    @cached_property
    def on_postgresql(self) -> Select[Any]:
        """The same, put into the words in which SQLite stores them."""
        numbers = func.unnest(bindparam("refs", type_=ARRAY(Integer)))
        given = numbers.table_valued(column("value", Integer), name="given").render_derived()
        return self._query([_worded(one) for one in self.columns], given)

    def _query(self, columns: Sequence[ColumnElement[Any]], given: Any) -> Select[Any]:
        found = select(self.by, *columns).select_from(self.table)
        for table, on in self.joins:
            found = found.join(table, on)
        if self.where is not None:
            found = found.where(self.where)
        return found.where(self.by.in_(select(given.c.value))).order_by(*self.table.primary_key.columns)


def _worded(stored: Column[Any]) -> ColumnElement[Any]:
    """A column on PostgreSQL as SQLite's driver gives it."""
    if isinstance(stored.type, UtcTime):
        return func.to_char(stored, "YYYY-MM-DD HH24:MI:SS.US")
    if isinstance(stored.type, Boolean):
        return cast(stored, Integer)
    return cast(stored, Text) if isinstance(stored.type, JSON) else stored


def _columns(table: Table, names: str) -> list[Column[Any]]:
    return [table.c[name] for name in names.split()]


# Named one by one: a column that is added later must not change what was digested before it was there.
_CALL = _columns(
    calls,
    "id namespace call_id generation script phone operator card_type card_id card_name card_url note first_occurred_at "
    "last_occurred_at deadline_at late decision_number outcome dry_run",
)
_EVENT = _columns(events, "id source event_id digest received_at occurred_at call_ref facts final revision answer")
_CARD = _columns(events, "id card_facts")
_DECISION = _columns(decisions, "id call_ref number outcome event_ref revision facts decision target created_at")
#: What a delivery is planned with; what becomes of it is a record of its own.
_PLAN = _columns(
    deliveries,
    "id call_ref decision_ref key action kind role subject text fallback_text due_at deadline_at withdraws corrects "
    "corrections created_at",
)
_END = _columns(deliveries, "id state remote_id assignee card sent_text corrected why finished_at")
_ATTEMPT = _columns(attempts, "id delivery_ref at step outcome why status code seconds")
_SAID = _columns(suppressions, "id number scope suppresses at call_ref by why withdrawn_at changed_at")
_ACT = _columns(acts, "id at act by why delivery_ref call_ref details")
_TRAIL = _columns(
    trails,
    "id namespace call_id generation script revision operator about entries reported state outcome event_id started_at "
    "updated_at",
)
_FINISHED = _columns(watched_reminders, "delivery_ref call_ref state done_by done_at done_through")
_OF_EVENT = and_(decisions.c.call_ref == events.c.call_ref, decisions.c.event_ref == events.c.id)
_OF_DECISION = deliveries.c.decision_ref == decisions.c.id
#: What is sent of a decision later is no part of what was decided.
_AT_ONCE = deliveries.c.created_at == decisions.c.created_at

#: Kind → its parts. A kind's name is at most 12 letters.
SOURCES: Mapping[str, Sequence[Part]] = {
    "call": [Part(calls, _CALL, calls.c.id)],
    "event": [
        Part(events, _EVENT, events.c.id),
        Part(decisions, _DECISION, events.c.id, joins=[(events, _OF_EVENT)]),
        Part(deliveries, _PLAN, events.c.id, _AT_ONCE, joins=[(decisions, _OF_DECISION), (events, _OF_EVENT)]),
    ],
    "card": [Part(events, _CARD, events.c.id, events.c.card_facts.is_not(None))],
    "decision": [
        Part(decisions, _DECISION, decisions.c.id),
        Part(deliveries, _PLAN, deliveries.c.decision_ref, _AT_ONCE, joins=[(decisions, _OF_DECISION)]),
    ],
    "delivery": [
        Part(deliveries, _PLAN, deliveries.c.id),
        Part(deliveries, _END, deliveries.c.id, deliveries.c.state.in_(ENDED)),
        Part(attempts, _ATTEMPT, attempts.c.delivery_ref),
    ],
    "reminder": [
        Part(
            watched_reminders, _FINISHED, watched_reminders.c.delivery_ref, watched_reminders.c.state == WatchState.DONE
        )
    ],
    "said": [Part(suppressions, _SAID, suppressions.c.call_ref)],
    "suppression": [Part(suppressions, _SAID, suppressions.c.id)],
    "act": [Part(acts, _ACT, acts.c.id)],
    "trail": [Part(trails, _TRAIL, trails.c.id, trails.c.state != "open")],
}
#: Kinds whose rows are written once: only a purge takes them in again.
WRITTEN_ONCE = frozenset({"event", "card", "decision", "act"})


def contents_of(connection: Connection, keys: Iterable[RecordKey]) -> dict[RecordKey, Content]:
    """What each of these records says now; nothing where its rows are not there."""
    found: dict[RecordKey, list[Row]] = {key: [] for key in keys}
    by_kind: dict[str, list[int]] = {}
    for kind, ref in found:
        by_kind.setdefault(kind, []).append(ref)
    for kind, refs in by_kind.items():
        for part in SOURCES.get(kind, ()):
            name = part.table.name
            for row in _rows(connection, part, refs):
                found[RecordKey(kind, row[0])].append((name, row[1:]))
    return dict(found)


def _rows(connection: Connection, part: Part, refs: Sequence[int]) -> Sequence[Any]:
    if connection.dialect.name == "sqlite":
        found = connection.execute(part.on_sqlite, {"refs": json.dumps(refs)})
    else:
        found = connection.execute(part.on_postgresql, {"refs": refs})
    # The driver's own rows: nothing in them is to be converted, and a million of records has several millions.
    assert found.cursor is not None
    rows: Sequence[Any] = found.cursor.fetchall()
    found.close()
    return rows
