"""The ledger's table of how calls went on the operators' page: every answer, step back, note and remark, with times."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from plugin.ledger.schema import UtcTime, metadata, where_index

trails = Table(
    "trails",
    metadata,
    Column("id", Integer, primary_key=True),
    # As for ``calls``: the namespace that the page's source shares, the CRM's id, and which use of that id it is.
    Column("namespace", Text, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("script", Text, nullable=False),
    # The revision that the page was made from, whatever is published during the call.
    Column("revision", String(64), nullable=False),
    Column("operator", Text),
    # {"phone", "card": {"type", "id", "name", "url"}}, each where it is known.
    Column("about", JSON(none_as_null=True)),
    # How often it was saved, and by which window last.
    Column("seq", Integer, nullable=False),
    Column("tab", String(64)),
    # What happened, oldest first (plugin.operator_page.journal).
    Column("entries", JSON, nullable=False),
    # What was last reported as a call result, {"facts", "note"}; NULL: nothing was.
    Column("reported", JSON(none_as_null=True)),
    # open | confirmed | unfinished
    Column("state", String(12), nullable=False),
    # Of a confirmed one: the outcome, and the event that it was confirmed by.
    Column("outcome", Text),
    Column("event_id", Text),
    Column("started_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    # When its personal data was removed; NULL: it is all there.
    Column("purged_at", UtcTime),
    # How many of the entries are words that no answer fitted.
    Column("remarks", Integer, nullable=False, server_default="0"),
    UniqueConstraint("namespace", "call_id", "generation"),
    Index("ix_trails_started_at", "started_at"),
)
_REMARKED = trails.c.remarks > 0
where_index("ix_trails_remarks", _REMARKED, trails.c.updated_at)
_UNPURGED = trails.c.purged_at.is_(None)
where_index("ix_trails_unpurged", _UNPURGED, trails.c.updated_at)

# What was said where no answer fits, and somebody has seen to since.
settled_remarks = Table(
    "settled_remarks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("trail_ref", ForeignKey("trails.id"), nullable=False),
    # The entry's own time, as the journal has it.
    Column("said_at", String(40), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    UniqueConstraint("trail_ref", "said_at"),
)
