"""The chain's tables."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from plugin.ledger.schema import UtcTime, metadata, where_index

# What transactions wrote that is not in the chain yet.
chain_queue = Table(
    "chain_queue",
    metadata,
    Column("id", Integer, primary_key=True),
    # plugin.ledger.chain.records.SOURCES, and the id there.
    Column("kind", String(12), nullable=False),
    Column("ref", Integer, nullable=False),
    Column("call_ref", Integer),
)

# Only added to; but for the salts, which go with the personal data.
chain = Table(
    "chain",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    # When it was taken into the chain.
    Column("at", UtcTime, nullable=False),
    Column("kind", String(12), nullable=False),
    Column("ref", Integer, nullable=False),
    Column("call_ref", Integer),
    # 32 hex digits; NULL once the personal data is gone: then a later entry tells what is left.
    Column("salt", String(32)),
    # sha256 of the salt and what the ledger said, 64 hex digits.
    Column("digest", String(64), nullable=False),
    # sha256 of the link before and this entry.
    Column("link", String(64), nullable=False),
)
_c = chain.c
Index("ix_chain_record", _c.kind, _c.ref, _c.seq)
where_index("ix_chain_call_ref", _c.call_ref.is_not(None), _c.call_ref)

# One row: the last entry. Whoever adds to the chain holds it.
chain_head = Table(
    "chain_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("link", String(64), nullable=False),
)

# The newest row of each table when the chain began: what was before it is not in it.
chain_starts = Table(
    "chain_starts",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("position", Integer, nullable=False),
)

# Checks of the chain, one row each: how far one is, and what it found.
chain_checks = Table(
    "chain_checks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("began_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    # The last entry that was read, and its link as it was worked out.
    Column("seq", Integer, nullable=False),
    Column("link", String(64), nullable=False),
    # [{"seq", "what", …}], the first ones, and how many there are.
    Column("faults", JSON, nullable=False),
    Column("fault_count", Integer, nullable=False),
)

# Heads that checks found to be right and an RFC 3161 service is to stamp, one row each.
chain_stamps = Table(
    "chain_stamps",
    metadata,
    Column("id", Integer, primary_key=True),
    # The head, and when it was checked.
    Column("seq", Integer, nullable=False),
    Column("link", String(64), nullable=False),
    Column("checked_at", UtcTime, nullable=False),
    # The service's answer as it came (DER), and the time in it; NULL: there is none yet.
    Column("answer", LargeBinary),
    Column("stamped_at", UtcTime),
    # When it is asked for next, how often it was in vain, and why.
    Column("next_try_at", UtcTime),
    Column("tries", Integer, nullable=False),
    Column("why", Text),
    UniqueConstraint("seq", "link"),
)
