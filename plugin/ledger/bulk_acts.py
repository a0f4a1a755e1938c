"""The ledger's table of acts on many things at once, each with what became of every one."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, String, Table, Text

from plugin.ledger.schema import UtcTime, metadata

# What somebody did to many things at once, and what became of each (plugin.console.bulk).
bulk_acts = Table(
    "bulk_acts",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("at", UtcTime, nullable=False),
    # What on, and what: deliveries.retry (plugin.console.bulk).
    Column("act", String(24), nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    # What they were found by.
    Column("filter", JSON, nullable=False),
    # One item each: [id, whether it was done, whether to try again, what became of it].
    Column("results", JSON, nullable=False),
    Index("ix_bulk_acts_at", "at"),
)
