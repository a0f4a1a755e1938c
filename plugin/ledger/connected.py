"""Tables of what an account of a CRM brings with it: events kept until they are resolved, and values such as tokens."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, String, Table, Text

from plugin.ledger.schema import UtcTime, metadata, where_index

# Authentic events of the CRM whose call result is yet to be made out (plugin.events.inbox).
kept_references = Table(
    "kept_references",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("connector", String(100), nullable=False),
    # What the CRM named, as connectors.base.Reference has it; both are the connector's own words.
    Column("kind", Text, nullable=False),
    Column("record", Text, nullable=False),
    # What it brought along, which may be personal: removed as soon as it has been resolved.
    Column("data", JSON(none_as_null=True)),
    # sha256 of connector, kind, record and data: tells the same event from another one.
    Column("digest", String(64), nullable=False),
    # How often the CRM has reported it: grows while it waits, so that what comes in meanwhile is not overlooked.
    Column("reports", Integer, nullable=False),
    # waiting | parked | done | ignored | dropped
    Column("state", String(8), nullable=False),
    # Of one that is being resolved: when another process may take it over.
    Column("not_before", UtcTime, nullable=False),
    Column("owner", Text),
    Column("attempts", Integer, nullable=False),
    # Faults of the code met on the way, which do not count for ever.
    Column("faults", Integer, nullable=False),
    # Why it waits or was parked; ids and reasons, no personal data.
    Column("why", Text),
    # A value without a meaning that it waits for, by name, and what is told of it: {"field", "value", "fact"}.
    Column("cause", Text),
    Column("about", JSON(none_as_null=True)),
    Column("received_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
)
_c = kept_references.c
_WAITS, _PARKED = _c.state == "waiting", _c.state == "parked"
_STANDS = _c.state.in_(("waiting", "parked"))
where_index("uq_kept_references_digest", _STANDS, _c.digest, unique=True)
where_index("ix_kept_references_due", _WAITS, _c.not_before, _c.id)
where_index("ix_kept_references_parked", _PARKED, _c.id)
_FINISHED = _c.finished_at.is_not(None)
where_index("ix_kept_references_finished", _FINISHED, _c.finished_at)

# Small values of an account, shared by all processes, e.g. renewed tokens (plugin.resilience.token_store).
account_values = Table(
    "account_values",
    metadata,
    Column("account", String(100), primary_key=True),
    Column("name", String(100), primary_key=True),
    # NULL until it was first kept.
    Column("value", Text),
    # Grows whenever a value is kept.
    Column("version", Integer, nullable=False),
    # Who is changing it, and when that counts as given up.
    Column("owner", Text),
    Column("lease_until", UtcTime),
)

# How far it was read from each CRM what changed there while its events reached nobody (plugin.events.catch_up).
catch_ups = Table(
    "catch_ups",
    metadata,
    Column("account", String(100), primary_key=True),
    # All that changed before has been heard of, by an event or by reading it.
    Column("covered_at", UtcTime, nullable=False),
    # What is to be read: all that changed since then; NULL: nothing.
    Column("since", UtcTime),
    # How far that has come, in the connector's own words, and when it began.
    Column("cursor", Text),
    Column("began_at", UtcTime),
    # Asked for meanwhile: what is to be read after that.
    Column("next_since", UtcTime),
    # When the next page may be read. While one is being read: when another process may take that over.
    Column("not_before", UtcTime),
    Column("owner", Text),
    # Tries of this page, and the records named by all pages so far.
    Column("attempts", Integer, nullable=False),
    Column("records", Integer, nullable=False),
    # Why the last try failed, and when the first of those that did in a row.
    Column("why", Text),
    Column("failing_at", UtcTime),
)
