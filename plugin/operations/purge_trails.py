"""Removes personal data from old trails of the operators' page: callers, notes, free words, typed answers.

What stays is anonymous: which answers were chosen from lists, when, steps back, and how the call ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, null, select, update

from plugin.ledger.chain.forget import forget_records
from plugin.ledger.trails import trails

#: The facts of a script's vocabulary in a revision, by name.
Vocabulary = Callable[[Connection, str, str | None], Mapping[str, Any]]

_OLD = (
    select(trails.c.id, trails.c.script, trails.c.revision, trails.c.entries)
    .where(trails.c.purged_at.is_(None), trails.c.updated_at < bindparam("before", type_=trails.c.updated_at.type))
    .order_by(trails.c.updated_at, trails.c.id)
    .limit(bindparam("limit"))
    .with_for_update()
)
_CHANGE = update(trails).where(trails.c.id == bindparam("trail"))


def purge_trails(connection: Connection, before: datetime, now: datetime, limit: int, vocabulary: Vocabulary) -> int:
    """Purge so many of those last touched before; how many there were."""
    found = connection.execute(_OLD, {"before": before, "limit": limit}).all()
    purge_trails_of(connection, [dict(row._mapping) for row in found], now, vocabulary)
    return len(found)


def purge_trails_of(
    connection: Connection, found: Sequence[Mapping[str, Any]], now: datetime, vocabulary: Vocabulary
) -> None:
    """Purge these; the chain is held (``chain.forget.hold``)."""
    for row in found:
        facts = vocabulary(connection, row["script"], row["revision"])
        kept = [_bare(entry, facts) for entry in row["entries"]]
        blank = {"operator": None, "about": null(), "reported": null(), "tab": None, "purged_at": now}
        connection.execute(_CHANGE.values(entries=kept, **blank), {"trail": row["id"]})
    forget_records(connection, "trail", [row["id"] for row in found])


def _bare(entry: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in entry.items() if name not in ("text", "words", "value")}
    fact, value = facts.get(entry.get("fact") or ""), entry.get("value")
    listed = fact.get("values") if isinstance(fact, dict) else None
    if isinstance(value, bool) or (isinstance(listed, list) and value in listed):
        kept["value"] = value
    return kept
