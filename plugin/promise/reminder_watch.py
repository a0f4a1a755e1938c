"""Watches written reminders over the connector: which are done, and which are gone, given away or put off.

Many at once where the CRM can, under a lease, so that of several processes one looks at a reminder; by a twentieth of
the account's quota at most, shared by all processes, and never while the account is away.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, and_, bindparam, literal_column, select, update

from connectors.base import Connector, CrmRefused, CrmUnavailable, Limits, ReminderState, ReminderStatus
from connectors.protocol.limits import Quota
from plugin.common.clock import Now
from plugin.ledger import Ledger
from plugin.ledger.chain import Change, note
from plugin.ledger.promises import WatchState, watched_reminders
from plugin.ledger.schema import UtcTime
from plugin.promise.bookkeeping import judge
from plugin.promise.promise_state import next_look
from plugin.resilience.gates import AccountGates
from plugin.resilience.lanes import Lane
from plugin.resilience.quota import SharedQuota
from plugin.resilience.reads import CrmReads, is_away_now

_LOG = structlog.get_logger(__name__)

#: The part of the account's quota that looking takes at most.
SHARE = 20
#: Between two looks where there is nothing to look at, or no turn; seconds.
_PAUSE, _LONGEST_PAUSE = 5.0, 60.0
#: After a look that failed, and after one that the CRM refused.
_AGAIN, _REFUSED_AGAIN = timedelta(minutes=1), timedelta(minutes=10)
#: What a lease outlasts beside the request, in seconds.
_MARGIN = 60.0
#: Those whose deadline is so near, or just over, go first.
_NEAR = timedelta(hours=1)

_w = watched_reminders.c
_NOW = bindparam("now", type_=UtcTime)
_DUE = and_(_w.state == literal_column("'open'"), _w.next_look_at <= _NOW)
_COLUMNS = (
    *(_w.delivery_ref, _w.call_ref, _w.remote_id, _w.due_by, _w.first_person, _w.first_due),
    *(_w.is_missing, _w.is_reassigned, _w.is_postponed),
)
_IS_NEAR = and_(_w.due_by >= bindparam("since", type_=UtcTime), _w.due_by <= bindparam("until", type_=UtcTime))
_ORDER = (_w.next_look_at, _w.delivery_ref)
_ANY = select(_w.delivery_ref).where(_DUE).limit(1)
_NEXT = select(*_COLUMNS).where(_DUE).order_by(*_ORDER).limit(bindparam("limit")).with_for_update(skip_locked=True)
_NEXT_NEAR = _NEXT.where(_IS_NEAR)
_CHANGE = update(watched_reminders).where(_w.delivery_ref == bindparam("of"))
_MINE = _CHANGE.where(_w.state == WatchState.OPEN.value, _w.owner == bindparam("claim"))


def watch_limits(limits: Limits) -> Limits:
    """The quota that looking may use of an account with these limits."""
    return replace(limits, requests_per_second=limits.requests_per_second / SHARE, burst=1)


class ReminderWatch:
    """One process's share of the looking. ``quota`` stands in for the shared one."""

    def __init__(
        self,
        ledger: Ledger,
        connector: Connector,
        gates: AccountGates,
        now: Now,
        owner: str,
        *,
        quota: Quota | None = None,
    ) -> None:
        self._ledger = ledger
        self._now = now
        self._gates = gates
        self._reads = CrmReads(connector, gates)
        self._most = connector.most_reminders
        limits = connector.limits()
        self._quota = quota or SharedQuota(ledger, f"{connector.name}.watch", watch_limits(limits), now)
        self._lease = timedelta(seconds=2 * (limits.connect_seconds + limits.read_seconds) + _MARGIN)
        self._owner = owner
        self._claims = itertools.count(1)

    def step(self) -> float:
        """Look at some reminders that it is time to; the seconds until the next time. Raises LedgerUnavailable."""
        with self._ledger.read() as connection:
            now = self._ledger.moment(connection, self._now)
            if connection.execute(_ANY, {"now": now}).first() is None:
                return _PAUSE
        if is_away_now(self._gates):
            return _PAUSE
        wait = self._quota.acquire(0.0)
        if wait > 0:
            return min(wait, _LONGEST_PAUSE)
        claim, rows = self._claim()
        if rows:
            self._look(claim, rows)
        return 0.0 if len(rows) == self._most else _PAUSE

    def _claim(self) -> tuple[str, Sequence[Any]]:
        """Up to one request's worth of reminders, the most urgent ones, that nobody else looks at meanwhile."""
        claim = f"{self._owner}?{next(self._claims)}"
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            near = {"now": now, "since": now - _NEAR, "until": now + _NEAR, "limit": self._most}
            rows = list(connection.execute(_NEXT_NEAR, near).all())
            if len(rows) < self._most:
                taken = {row.delivery_ref for row in rows}
                more = connection.execute(_NEXT, {"now": now, "limit": self._most}).all()
                rows += [row for row in more if row.delivery_ref not in taken][: self._most - len(rows)]
            for row in rows:
                held = {"owner": claim, "next_look_at": now + self._lease}
                connection.execute(_CHANGE.values(**held), {"of": row.delivery_ref})
        return claim, rows

    def _look(self, claim: str, rows: Sequence[Any]) -> None:
        found: Mapping[str, ReminderStatus] = {}
        again = _AGAIN
        try:
            found = self._reads.reminder_states([row.remote_id for row in rows])
        except CrmUnavailable as error:
            again = max(_AGAIN, timedelta(seconds=error.after or 0.0))
            if not self._gates.is_away(Lane.CRM):
                _LOG.info("promise.not_looked_at", reminders=len(rows), why=str(error))
        except CrmRefused as error:
            again = _REFUSED_AGAIN
            _LOG.warning("promise.look_refused", reminders=len(rows), why=str(error))
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            changed = [
                row.call_ref
                for row in sorted(rows, key=lambda row: int(row.delivery_ref))
                if self._take(connection, claim, row, found.get(row.remote_id), now, again)
            ]
            judge(connection, changed, now)

    def _take(
        self,
        connection: Connection,
        claim: str,
        row: Any,
        status: ReminderStatus | None,
        now: datetime,
        again: timedelta,
    ) -> bool:
        """Keep what a look told; whether that may change the promise."""
        mine = {"of": row.delivery_ref, "claim": claim}
        if status is None:
            connection.execute(_MINE.values(owner=None, next_look_at=now + again), mine)
            return False
        values = {"owner": None, "looked_at": now} | told(row, status, now)
        held = connection.execute(_MINE.values(**values), mine).rowcount
        if held and values.get("noticed_at") is not None:
            flags = [name for name in ("is_missing", "is_reassigned", "is_postponed") if values.get(name)]
            _LOG.warning("promise.reminder_changed", call_ref=row.call_ref, delivery=row.delivery_ref, what=flags)
        if held and status.state is ReminderState.DONE:
            note(connection, [Change("reminder", row.delivery_ref, row.call_ref)])
        return bool(held) and (status.state is ReminderState.DONE or now >= row.due_by)


def told(row: Any, status: ReminderStatus, now: datetime) -> dict[str, Any]:
    """The columns that a look changes. What the CRM does not tell of the end is the moment of the look."""
    if status.state is ReminderState.DONE:
        done_at = now if status.done_at is None else min(status.done_at, now)
        ended = {"state": WatchState.DONE.value, "next_look_at": None, "done_through": "crm"}
        return ended | {"done_by": status.done_by, "done_at": done_at}
    values: dict[str, Any] = {"next_look_at": next_look(row.due_by, now)}
    if status.state is ReminderState.MISSING:
        return values | ({} if row.is_missing else {"is_missing": True, "noticed_at": now})
    values |= {"person": status.person, "due": status.due}
    values |= {"first_person": row.first_person or status.person, "first_due": row.first_due or status.due}
    # What was put back is no longer changed; where the CRM does not tell, it is as it was.
    flags = {"is_missing": False, "is_reassigned": row.is_reassigned, "is_postponed": row.is_postponed}
    if row.first_person and status.person:
        flags["is_reassigned"] = status.person != row.first_person
    if row.first_due and status.due:
        flags["is_postponed"] = status.due > max(row.first_due, row.due_by)
    if any(is_so and not getattr(row, name) for name, is_so in flags.items()):
        values["noticed_at"] = now
    return values | flags
