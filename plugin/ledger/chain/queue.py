"""Notes what a transaction wrote, for the chain: one row a change, in that very transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from plugin.ledger.chain.tables import chain_queue
from plugin.ledger.prepared import PreparedInsert

_ADD = PreparedInsert(chain_queue, chain_queue.c.id)


class Change(NamedTuple):
    """A record that was written or changed: its kind (``records.SOURCES``), its id, and the call that it is of."""

    kind: str
    ref: int
    call_ref: int | None = None


def note(connection: Connection, changes: Iterable[Change]) -> None:
    """The chain is to take these in."""
    rows: list[dict[str, Any]] = [change._asdict() for change in changes]
    if rows:
        _ADD.many(connection, rows)
