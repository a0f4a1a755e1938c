"""Loads all that the ledger knows of the call that is to be decided, before anything is decided; writes nothing.

The rows that the decision rests on are locked (``FOR UPDATE``) where the database locks rows; SQLite has one writer
anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, select

from plugin.config.settings import Source
from plugin.deciding.decision.model import Target
from plugin.events.calls import Call, find_call
from plugin.events.merge import CallReport
from plugin.events.schema import CallResult
from plugin.ledger.history import facts_of_event
from plugin.ledger.prepared import PreparedSelect
from plugin.ledger.schema import calls, decisions, deliveries, events

_CALL_COLUMNS = [calls.c[field.name] for field in fields(Call)]
_CALLS = PreparedSelect(
    select(*_CALL_COLUMNS)
    .where(calls.c.namespace == bindparam("namespace"), calls.c.call_id == bindparam("call_id"))
    .with_for_update()
)
_CALL = select(*_CALL_COLUMNS).where(calls.c.id == bindparam("call")).with_for_update()
_REPORTS = PreparedSelect(
    select(*(events.c[name] for name in ("occurred_at", "id", "facts", "card_facts", "final", "revision")))
    .where(events.c.call_ref == bindparam("call"))
    .order_by(events.c.occurred_at, events.c.id)
)
_DECISIONS = PreparedSelect(
    select(*(decisions.c[name] for name in ("id", "number", "outcome", "target", "card", "revision")))
    .where(decisions.c.call_ref == bindparam("call"))
    .order_by(decisions.c.id)
)
_d = deliveries.c
# In the order of the fields of ExistingDelivery.
_DELIVERIES = PreparedSelect(
    select(
        *(_d.id, _d.decision_ref, decisions.c.number, decisions.c.outcome, _d.action, _d.kind, _d.role, _d.subject),
        *(_d.withdraws, _d.state, _d.sent_at.is_not(None), _d.corrects, _d.card, _d.corrected),
    )
    .join(decisions, decisions.c.id == deliveries.c.decision_ref)
    .where(deliveries.c.call_ref == bindparam("call"))
    .order_by(deliveries.c.id)
    .with_for_update(of=deliveries)
)


@dataclass(frozen=True, slots=True)
class KnownDecision:
    """A decision on the call. ``outcome`` None: it was left unfinished.

    ``card`` is the one that its actions go to, as the ledger keeps it, once it was looked for.
    """

    id: int
    number: int
    outcome: str | None
    target: Target | None
    card: Mapping[str, Any] | None
    revision: str = ""


@dataclass(frozen=True, slots=True)
class ExistingDelivery:
    """A delivery that was planned for the call earlier. ``outcome`` None: of an unfinished call's reminder.

    ``sent``: it may have gone out; only a delivery that surely has not is without. ``corrects``, ``card`` and
    ``corrected`` as in the ledger.
    """

    id: int
    decision_ref: int
    number: int
    outcome: str | None
    action: str
    kind: str
    role: str | None
    subject: str | None
    withdraws: int | None
    state: str
    sent: bool
    corrects: int | None
    card: Mapping[str, Any] | None
    corrected: Mapping[str, Any] | None

    @property
    def is_reminder(self) -> bool:
        return self.kind == "reminder" and self.withdraws is None


@dataclass(frozen=True, slots=True)
class LoadedCall:
    """A call with its events in order of occurrence, its decisions, oldest first, and all its deliveries.

    ``reuses_id``: the call is new, and its id was another call's before.
    """

    call: Call
    reports: Sequence[CallReport] = ()
    decisions: Sequence[KnownDecision] = ()
    deliveries: Sequence[ExistingDelivery] = ()
    reuses_id: bool = False

    @property
    def current(self) -> KnownDecision | None:
        """The decision that stands: the last one."""
        return self.decisions[-1] if self.decisions else None


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call that the ledger does not know. ``reuses_id``: its id was another call's before."""

    generation: int
    reuses_id: bool = False


def load_call_of(connection: Connection, source: Source, result: CallResult) -> LoadedCall | NewCall:
    """The call that a call result of this source is about."""
    rows = _CALLS.all(connection, {"namespace": source.namespace, "call_id": result.call_id})
    generations = [Call.of_row(row) for row in rows]
    # A dry run is never written: a call that is meant begins anew, and the other way round.
    kindred = [call for call in generations if call.dry_run == source.dry_run]
    call = find_call(kindred, result)
    if call is None:
        return NewCall(max((other.generation for other in generations), default=0) + 1, bool(kindred))
    return _loaded(connection, call)


def load_call(connection: Connection, id_: int) -> LoadedCall:
    """A stored call."""
    return _loaded(connection, lock_call(connection, id_))


def lock_call(connection: Connection, id_: int) -> Call:
    """A stored call alone, locked."""
    return Call.of_row(connection.execute(_CALL, {"call": id_}).one())


def _loaded(connection: Connection, call: Call) -> LoadedCall:
    this = {"call": call.id}
    reports = [
        CallReport(row.occurred_at, row.id, facts_of_event(row.facts, row.card_facts), row.final, row.revision)
        for row in _REPORTS.all(connection, this)
    ]
    known = [
        KnownDecision(row.id, row.number, row.outcome, _target(row.target), row.card, row.revision)
        for row in _DECISIONS.all(connection, this)
    ]
    existing = [ExistingDelivery(*row) for row in _DELIVERIES.all(connection, this)]
    return LoadedCall(call, reports, known, existing)


def _target(kept: Mapping[str, Any] | None) -> Target | None:
    return Target(**kept["find"]) if kept else None
