"""What is pushed to diallers: one row a dialler and number, and whether the dialler holds what it is meant to."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Boolean, Column, Integer, String, Table, Text, UniqueConstraint, literal_column

from plugin.ledger.schema import UtcTime, metadata, where_index


class PushState(StrEnum):
    """``OPEN``: the dialler is to be asked, and told where that lacks. ``PARKED``: it refused, a human has to look."""

    OPEN = "open"
    DONE = "done"
    PARKED = "parked"


pushed_numbers = Table(
    "pushed_numbers",
    metadata,
    Column("id", Integer, primary_key=True),
    # Its name in plugin.toml.
    Column("dialler", String(24), nullable=False),
    # E.164.
    Column("number", Text, nullable=False),
    # Whether it is to be in the dialler's list, or no longer, and since when that is wanted.
    Column("wanted", Boolean, nullable=False),
    Column("since", UtcTime, nullable=False),
    # PushState
    Column("state", String(8), nullable=False),
    # When its turn comes; of one that a process has, when another may take it.
    Column("not_before", UtcTime, nullable=False),
    Column("owner", Text),
    Column("attempts", Integer, nullable=False),
    Column("why", Text),
    # When the dialler was last seen to hold what is wanted.
    Column("settled_at", UtcTime),
    UniqueConstraint("dialler", "number"),
)
_c = pushed_numbers.c
where_index("ix_pushed_numbers_open", _c.state == literal_column("'open'"), _c.dialler, _c.not_before, _c.id)
where_index("ix_pushed_numbers_parked", _c.state == literal_column("'parked'"), _c.dialler, _c.id)
