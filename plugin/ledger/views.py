"""The ledger's table of saved views: filters of a list that a person keeps under a name."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, String, Table, Text, UniqueConstraint

from plugin.ledger.schema import UtcTime, metadata

saved_views = Table(
    "saved_views",
    metadata,
    Column("id", Integer, primary_key=True),
    # The login of whose it is, and the list that it is of.
    Column("owner", Text, nullable=False),
    Column("list", String(16), nullable=False),
    Column("name", Text, nullable=False),
    # The filters as they stand in the address, without those that name a client.
    Column("filters", JSON, nullable=False),
    Column("saved_at", UtcTime, nullable=False),
    UniqueConstraint("owner", "list", "name"),
)
