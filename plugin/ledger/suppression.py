"""The ledger's table of what is said of numbers: by calls and by people, that one is not to be called, or may be again.

Statements are never changed, only withdrawn. What counts of a number and scope is its latest one by ``at``.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from plugin.ledger.schema import UtcTime, metadata, where_index

suppressions = Table(
    "suppressions",
    metadata,
    Column("id", Integer, primary_key=True),
    # E.164: who is to call must know whom not.
    Column("number", Text, nullable=False),
    # plugin.deciding.ruleset.values.SuppressionScope
    Column("scope", String(16), nullable=False),
    # Whether it is excluded from then on, or no longer.
    Column("suppresses", Boolean, nullable=False),
    # Since when: the end of the call, or when a person said so.
    Column("at", UtcTime, nullable=False),
    # The call whose decision says so; NULL: a person does, by name and with a reason.
    Column("call_ref", ForeignKey("calls.id")),
    Column("by", Text),
    Column("why", Text),
    # When a correction of the call took it back; NULL: it stands.
    Column("withdrawn_at", UtcTime),
    # When it was written or withdrawn.
    Column("changed_at", UtcTime, nullable=False),
)
_c = suppressions.c
_STANDS = _c.withdrawn_at.is_(None)
# Holds all that the list is read for: a million numbers are walked over in it alone.
where_index("ix_suppressions_number", _STANDS, _c.number, _c.scope, _c.at, _c.id, _c.suppresses, _c.withdrawn_at)
_OF_CALL = _c.call_ref.is_not(None)
where_index("ix_suppressions_call_ref", _OF_CALL, _c.call_ref)
Index("ix_suppressions_changed_at", _c.changed_at, _c.number)
# What was taken back lately: what diallers hold is looked at again then.
where_index("ix_suppressions_withdrawn_at", _c.withdrawn_at.is_not(None), _c.withdrawn_at, _c.number)

# Calls after a refusal: numbers that were called although they were excluded.
refused_calls = Table(
    "refused_calls",
    metadata,
    Column("id", Integer, primary_key=True),
    # The source that reported it, as events.source.
    Column("source", Text, nullable=False),
    # sha256 of namespace and call id: a call is counted once, however often it is reported.
    Column("call_key", String(64), nullable=False),
    # The excluded number, which the list holds anyway, and what it was excluded from.
    Column("number", Text, nullable=False),
    Column("scope", String(16), nullable=False),
    Column("occurred_at", UtcTime, nullable=False),
    Column("noticed_at", UtcTime, nullable=False),
    # NULL: nothing else is stored of the call, since nothing was asked for in it.
    Column("call_ref", ForeignKey("calls.id")),
    Index("ix_refused_calls_call_key", "call_key"),
    Index("ix_refused_calls_noticed_at", "noticed_at", "source"),
)

# How far something walks through a table by its ids, for all processes together.
positions = Table(
    "positions",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("position", Integer, nullable=False),
)
