"""The ledger's table of events whose facts lack what their card holds, since the CRM could not be asked in time."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, Table

from plugin.ledger.schema import UtcTime, metadata

unread_cards = Table(
    "unread_cards",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_ref", ForeignKey("calls.id"), nullable=False, index=True),
    # The event whose facts lack what the card holds.
    Column("event_ref", ForeignKey("events.id"), nullable=False),
    # The fields by their paths: card.brand.
    Column("fields", JSON, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("not_before", UtcTime, nullable=False),
    Column("tries", Integer, nullable=False),
    Index("ix_unread_cards_not_before", "not_before"),
)
