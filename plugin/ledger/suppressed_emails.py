"""The e-mail addresses of those who refused mailings: by their number, whose exclusion is theirs."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text, UniqueConstraint

from plugin.ledger.schema import UtcTime, metadata

suppressed_emails = Table(
    "suppressed_emails",
    metadata,
    Column("id", Integer, primary_key=True),
    # E.164: the address is excluded from mailings as long as this number is.
    Column("number", Text, nullable=False),
    # In lower case, as it is compared.
    Column("address", Text, nullable=False),
    Column("noted_at", UtcTime, nullable=False),
    UniqueConstraint("number", "address"),
    Index("ix_suppressed_emails_address", "address", "number"),
)

# Statements whose call's card is still to be read for them.
email_reads = Table(
    "email_reads",
    metadata,
    # suppressions.id, which may be gone by then.
    Column("suppression_ref", Integer, primary_key=True, autoincrement=False),
    Column("since", UtcTime, nullable=False),
    Column("not_before", UtcTime, nullable=False),
    Column("tries", Integer, nullable=False),
    Index("ix_email_reads_not_before", "not_before"),
)
