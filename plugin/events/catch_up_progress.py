"""How far catching up has come, in the ledger: since when a CRM is to be read, and by whom, one process at a time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from plugin.common.clock import Now
from plugin.ledger import Ledger
from plugin.ledger.connected import catch_ups, kept_references
from plugin.ledger.insert import lock_or_insert
from plugin.ledger.schema import events

#: Clocks differ, and a CRM commits a change a while after the time that it gives it.
OVERLAP = timedelta(minutes=5)

_c, _k = catch_ups.c, kept_references.c
_ROW = select(catch_ups).where(_c.account == bindparam("of"))
_CHANGE = update(catch_ups).where(_c.account == bindparam("of"))
_KEPT_LAST = select(func.max(_k.received_at)).where(_k.connector == bindparam("of"))
_TAKEN_LAST = select(func.max(events.c.received_at)).where(events.c.source == bindparam("source"))
_DUE = select(_k.id).where(
    _k.connector == bindparam("of"), _k.state == "waiting", _k.not_before <= bindparam("now", type_=_k.not_before.type)
)


@dataclass(frozen=True, slots=True)
class CatchUpTurn:
    """A page that this process may read now: since when, from where, and the tries of it with this one."""

    since: datetime
    cursor: str | None
    attempts: int
    owner: str


class CatchUpProgress:
    """The place of one account, as one process sees it. Everything raises LedgerUnavailable.

    ``source`` is the name by which the ledger knows the events of the account; ``owner`` names this start of this
    process; ``lease_seconds`` is how long reading a page may take.
    """

    def __init__(self, ledger: Ledger, account: str, source: str, now: Now, owner: str, lease_seconds: float) -> None:
        self._ledger = ledger
        self._key = {"of": account}
        self._heard = self._key | {"source": source}
        self._now = now
        self._owner = owner
        self._lease = timedelta(seconds=lease_seconds)
        self._turns = itertools.count(1)

    def ask(self, since: datetime | None = None) -> datetime | None:
        """Have it read what changed since then, by default since the account was last heard; since when.

        None where the ledger has never heard of the account: there is nothing before its first start.
        """
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            known = connection.execute(_ROW, self._key).one_or_none() is not None
            row = self._locked(connection, now)
            if since is None:
                heard = self._last_heard(connection)
                if not known and heard is None:
                    return None
                last: datetime = max(filter(None, (heard, row.covered_at if known else None)))
                since = last - OVERLAP
            self._change(connection, _asked(row, since, now))
        return since

    def quiet_since(self) -> datetime | None:
        """When the account was last heard or read; None while something is to be read, or before the first start."""
        with self._ledger.read() as connection:
            row = connection.execute(_ROW, self._key).one_or_none()
            if row is None or row.since is not None:
                return None
            last: datetime = max(filter(None, (self._last_heard(connection), row.covered_at)))
        return last

    def is_asked(self) -> bool:
        """Whether something is yet to be read."""
        with self._ledger.read() as connection:
            row = connection.execute(_ROW, self._key).one_or_none()
        return row is not None and row.since is not None

    def has_backlog(self, most: int) -> bool:
        """Whether so many of the account's events are due that no more of them are wanted yet."""
        with self._ledger.read() as connection:
            now = self._ledger.moment(connection, self._now)
            due = connection.execute(_DUE.limit(most), self._key | {"now": now}).all()
        return len(due) >= most

    def take(self) -> CatchUpTurn | None:
        """Lease the next page; None where none is due."""
        with self._ledger.read() as connection:
            row = connection.execute(_ROW, self._key).one_or_none()
            if row is None or row.since is None or row.not_before > self._ledger.moment(connection, self._now):
                return None
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            row = self._locked(connection, now)
            if row.since is None or row.not_before > now:
                return None
            owner = f"{self._owner}/{next(self._turns)}"
            taken = {"owner": owner, "not_before": now + self._lease, "attempts": row.attempts + 1}
            self._change(connection, taken | ({} if row.began_at else {"began_at": now}))
        return CatchUpTurn(row.since, row.cursor, row.attempts + 1, owner)

    def advance(self, turn: CatchUpTurn, cursor: str | None, records: int) -> int | None:
        """Keep how far it got, ``cursor`` None: to the end; the records of all pages then, else None."""
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            row = self._mine(connection, turn)
            if row is None:
                return None
            done = {"cursor": cursor, "owner": None, "not_before": now, "attempts": 0, "why": None, "failing_at": None}
            if cursor is not None:
                self._change(connection, done | {"records": row.records + records})
                return None
            ended = {"covered_at": max(row.covered_at, row.began_at), "since": row.next_since, "next_since": None}
            self._change(connection, done | ended | {"began_at": None, "records": 0})
        return int(row.records) + records

    def fail(self, turn: CatchUpTurn, why: str, wait: float, *, anew: bool = False) -> None:
        """Keep why it failed; the next try is so many seconds away, from the beginning if ``anew``."""
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            row = self._mine(connection, turn)
            if row is not None:
                failed = {"owner": None, "not_before": now + timedelta(seconds=wait), "why": why[:500]}
                failed |= {"failing_at": row.failing_at or now} | ({"cursor": None, "records": 0} if anew else {})
                self._change(connection, failed)

    # --- details ---------------------------------------------------------------------------------

    def _last_heard(self, connection: Connection) -> datetime | None:
        moments = [connection.execute(query, self._heard).scalar() for query in (_KEPT_LAST, _TAKEN_LAST)]
        return max(filter(None, moments), default=None)

    def _locked(self, connection: Connection, now: datetime) -> Any:
        blank = {"account": self._key["of"], "covered_at": now, "attempts": 0, "records": 0}
        return lock_or_insert(connection, catch_ups, _ROW.with_for_update(), self._key, lambda: blank)

    def _mine(self, connection: Connection, turn: CatchUpTurn) -> Any:
        row = connection.execute(_ROW.with_for_update(), self._key).one()
        return row if row.owner == turn.owner else None

    def _change(self, connection: Connection, values: dict[str, Any]) -> None:
        connection.execute(_CHANGE.values(**values), self._key)


def _asked(row: Any, since: datetime, now: datetime) -> dict[str, Any]:
    """What changes by asking. What is being read goes on to its end, or nobody would ever come to it."""
    if row.since is None:
        return {"since": since, "cursor": None, "began_at": None, "records": 0, "attempts": 0, "not_before": now}
    if row.cursor is None and row.owner is None:
        return {"since": min(row.since, since)}
    return {"next_since": min(filter(None, (row.next_since, since)))}
