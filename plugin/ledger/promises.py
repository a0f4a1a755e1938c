"""The ledger's tables of promises: how far each one is, and what is known of the reminders that keep it."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, and_, literal_column

from plugin.ledger.schema import UtcTime, metadata, where_index


class PromiseState(StrEnum):
    """How far a call's promise is.

    ``WRITTEN``: everything has gone out. ``KEPT``: every reminder was done in time; ``LATE``: done after the deadline;
    ``BROKEN``: not done by the deadline. ``WITHDRAWN``: a correction, or a person, left nothing of it to be done.
    """

    OPEN = "open"
    WRITTEN = "written"
    KEPT = "kept"
    LATE = "late"
    BROKEN = "broken"
    WITHDRAWN = "withdrawn"


class WatchState(StrEnum):
    """What is known of a reminder that was written. ``VOID``: a correction took it back, so nobody looks any more."""

    OPEN = "open"
    DONE = "done"
    VOID = "void"


#: Promises that may still change by themselves.
UNSETTLED = (PromiseState.OPEN, PromiseState.WRITTEN, PromiseState.BROKEN)
#: How the action of what an escalation sends begins: it is no part of the promise itself.
ESCALATION = "escalation:"

# One row a call whose decisions remind somebody of something.
promises = Table(
    "promises",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_ref", ForeignKey("calls.id"), nullable=False, unique=True),
    # The standing decision.
    Column("decision_ref", ForeignKey("decisions.id"), nullable=False),
    Column("state", String(10), nullable=False),
    # What the client was told, and until when it is expected: later for a call that was reported late.
    Column("deadline_at", UtcTime, nullable=False),
    Column("due_by", UtcTime, nullable=False),
    # Nobody is told of what should have been told before.
    Column("watched_from", UtcTime, nullable=False),
    Column("written_at", UtcTime),
    # When the last reminder was done, the deadline passed, or it was withdrawn.
    Column("ended_at", UtcTime),
    Column("changed_at", UtcTime, nullable=False),
    # The last moment whose steps of escalation have been planned.
    Column("escalated_to", UtcTime),
)
_UNSETTLED = promises.c.state.in_([literal_column(f"'{state}'") for state in UNSETTLED])
where_index("ix_promises_unsettled", _UNSETTLED, promises.c.due_by, promises.c.id)
Index("ix_promises_ended_at", promises.c.ended_at, promises.c.state)
Index("ix_promises_deadline_at", promises.c.deadline_at)
# Those of one state, as they are listed.
Index("ix_promises_state", promises.c.state, promises.c.due_by, promises.c.call_ref)

# One row a reminder that was written.
watched_reminders = Table(
    "watched_reminders",
    metadata,
    Column("delivery_ref", ForeignKey("deliveries.id"), primary_key=True),
    Column("call_ref", ForeignKey("calls.id"), nullable=False, index=True),
    Column("remote_id", Text),
    Column("state", String(8), nullable=False),
    # As promises.due_by.
    Column("due_by", UtcTime, nullable=False),
    # When the CRM told of it last, and when it is asked next; NULL: not any more.
    Column("looked_at", UtcTime),
    Column("next_look_at", UtcTime),
    Column("owner", Text),
    # By whom (the CRM's user, or a name) and when it was done, and who says so: crm | link.
    Column("done_by", Text),
    Column("done_at", UtcTime),
    Column("done_through", String(8)),
    # Whose it was and when it was due by the first look, and by the last.
    Column("first_person", Text),
    Column("person", Text),
    Column("first_due", UtcTime),
    Column("due", UtcTime),
    # What changed of it in the CRM, each noticed once.
    Column("is_missing", Boolean, nullable=False),
    Column("is_reassigned", Boolean, nullable=False),
    Column("is_postponed", Boolean, nullable=False),
    Column("noticed_at", UtcTime),
)
_w = watched_reminders.c
_TO_LOOK = and_(_w.state == literal_column("'open'"), _w.next_look_at.is_not(None))
where_index("ix_watched_reminders_next", _TO_LOOK, _w.next_look_at, _w.due_by)
where_index("ix_watched_reminders_noticed_at", _w.noticed_at.is_not(None), _w.noticed_at)
