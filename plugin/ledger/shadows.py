"""The ledger's tables of shadows: revisions that decide calls beside the active one, and how they differ, counted."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text

from plugin.ledger.schema import UtcTime, metadata

shadows = Table(
    "shadows",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", ForeignKey("revisions.revision"), nullable=False),
    Column("began_at", UtcTime, nullable=False),
    Column("by", Text, nullable=False),
    # The newest decision when it began, and the last one that it has looked at.
    Column("after", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    # Decisions that it did not come to in time, or at all.
    Column("failed", Integer, nullable=False),
    # NULL: it goes on.
    Column("ended_at", UtcTime),
    Column("why", Text),
)

shadow_differences = Table(
    "shadow_differences",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("shadow_ref", ForeignKey("shadows.id"), nullable=False, index=True),
    Column("script", Text, nullable=False),
    # plugin.authoring.shadow.compare.DifferenceKind
    Column("kind", String(16), nullable=False),
    # In the rules' own words, without personal data.
    Column("old", Text, nullable=False),
    Column("new", Text, nullable=False),
    Column("decisions", Integer, nullable=False),
    # The newest call that is decided so.
    Column("call_ref", ForeignKey("calls.id"), nullable=False),
)
