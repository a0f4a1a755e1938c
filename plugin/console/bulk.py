"""Acts on many things at once: kept under an id, with what became of each; those that failed can be done again."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from plugin.common.clock import Now
from plugin.ledger import Ledger
from plugin.ledger.audit import Actor
from plugin.ledger.bulk_acts import bulk_acts

#: Deliveries that one act changes at most: more would keep others waiting for long.
MOST_DELIVERIES = 20_000
#: The same for calls that are decided again.
MOST_CALLS = 500

_BY_ID = select(bulk_acts).where(bulk_acts.c.id == bindparam("wanted"))


@dataclass(frozen=True, slots=True)
class BulkItem:
    """What became of one thing: ``told`` in words; ``has_failed``: it is worth another try."""

    id: int
    is_done: bool
    has_failed: bool
    told: str


@dataclass(frozen=True, slots=True)
class BulkAct:
    """An act that was done, by whom and why. ``kind`` says what on: ``deliveries.retry``, ``calls.replay``."""

    id: str
    at: datetime
    kind: str
    by: str
    why: str
    filter: Mapping[str, Any]
    items: Sequence[BulkItem]

    @property
    def done(self) -> int:
        """How many were done."""
        return sum(item.is_done for item in self.items)

    @property
    def failed(self) -> Sequence[int]:
        """Those that are worth another try."""
        return [item.id for item in self.items if item.has_failed]


class BulkActs:
    """Those of a ledger. Raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, now: Now) -> None:
        self._ledger = ledger
        self._now = now

    @staticmethod
    def new_id() -> str:
        """The id of an act that is being planned: sending its form twice does it once."""
        return secrets.token_hex(6)

    def keep(self, id_: str, kind: str, actor: Actor, chosen: Mapping[str, Any], items: Sequence[BulkItem]) -> None:
        """Keep what was done."""
        results = [[item.id, item.is_done, item.has_failed, item.told] for item in items]
        row = {"id": id_, "at": self._now(), "act": kind, "by": actor.by, "why": actor.why}
        with self._ledger.write() as connection:
            connection.execute(insert(bulk_acts), row | {"filter": dict(chosen), "results": results})

    def find(self, id_: str) -> BulkAct | None:
        """The act with this id."""
        with self._ledger.read() as connection:
            return find_act(connection, id_)


def find_act(connection: Connection, id_: str) -> BulkAct | None:
    """The act with this id."""
    row = connection.execute(_BY_ID, {"wanted": id_}).one_or_none()
    if row is None:
        return None
    items = [BulkItem(*result) for result in row.results]
    return BulkAct(row.id, row.at, row.act, row.by, row.why, row.filter, items)
