"""The inbox: authentic events of a CRM, in the ledger from before they are answered until they have been resolved.

The same event is kept once while an earlier one waits. Where it comes in while the earlier one is being resolved, that
one is resolved once more, since the record that it names may have changed in between.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, delete, literal_column, null, select, update

from connectors.base import Reference
from plugin.common.clock import Now
from plugin.common.digest import json_digest
from plugin.ledger import Ledger
from plugin.ledger.connected import kept_references
from plugin.ledger.insert import insert_if_absent

_LOG = structlog.get_logger(__name__)

#: The kind of a whole call result that is kept like a reference; no connector has this kind.
RESULT = "=result"
#: A resolved event is remembered for so long, without its data, to be looked up.
REMEMBERED = timedelta(days=7)
_FORGOTTEN_AT_ONCE = 500

_c = kept_references.c
_WAITING = _c.state == literal_column("'waiting'")
_PARKED = _c.state == literal_column("'parked'")
_TIME = _c.not_before.type
_MINE = (_c.id == bindparam("this"), _c.owner == bindparam("by"))
_DUE = (
    select(_c.id)
    .where(_WAITING, _c.not_before <= bindparam("now", type_=_TIME))
    .order_by(_c.not_before, _c.id)
    .limit(bindparam("limit"))
)
_CLAIM = _DUE.with_for_update(skip_locked=True)
_OPEN = (
    select(_c.id, _c.state, _c.cause, _c.owner)
    .where(_c.digest == bindparam("like"), _c.state.in_([literal_column("'waiting'"), literal_column("'parked'")]))
    .with_for_update()
)
_CHANGE = update(kept_references).where(_c.id == bindparam("this"))
_FINISHED = (
    select(_c.id)
    .where(_c.finished_at < bindparam("before", type_=_TIME))
    .order_by(_c.finished_at)
    .limit(_FORGOTTEN_AT_ONCE)
)
#: A finished row keeps only that there was such an event, and how it ended.
WIPED: dict[str, Any] = {"record": "", "data": null(), "digest": "", "cause": None, "about": null(), "why": None}


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """One kept event under a lease. ``reports``: how often it had been reported when it was taken."""

    id: int
    reference: Reference
    attempts: int
    faults: int
    reports: int
    owner: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class InboxEnding:
    """How far it got: ``state`` is done, ignored, parked or waiting.

    ``wait``: seconds until the next try. ``cause`` and ``about``: the unmapped value that it waits for, as before
    where the CRM has not ``answered``. ``fault``: the code failed, which is not tried for ever.
    """

    state: str
    wait: float = 0.0
    why: str | None = None
    cause: str | None = None
    about: dict[str, Any] | None = None
    answered: bool = True
    fault: bool = False


def reference_of(result: Mapping[str, Any]) -> Reference:
    """A call result that came in whole, to be kept like an event that only names one."""
    return Reference(RESULT, str(result.get("id", "")), result)


class Inbox:
    """The kept events of one connector as one process sees them. Thread-safe. Everything raises LedgerUnavailable.

    ``owner`` names this start of this process and no other; ``lease_seconds`` is how long a claim is good for.
    """

    def __init__(self, ledger: Ledger, connector: str, now: Now, owner: str, lease_seconds: float) -> None:
        self._ledger = ledger
        self._connector = connector
        self._now = now
        self._owner = owner
        self._lease = timedelta(seconds=lease_seconds)
        self._claims = itertools.count(1)

    def keep(self, references: Sequence[tuple[Reference, float]]) -> int:
        """Keep these, each with the seconds until it may be tried, in one transaction; how many are new."""
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            new = sum([self._keep(connection, reference, wait, now) for reference, wait in references])
        _LOG.info("events.kept", connector=self._connector, count=len(references), new=new)
        return new

    def _keep(self, connection: Connection, reference: Reference, wait: float, now: datetime) -> bool:
        data = None if reference.data is None else _storable_json(reference.data)
        digest = json_digest([self._connector, reference.kind, reference.id, data], ascii_only=True)
        # Another process may keep the same one at the same moment.
        for _ in range(2):
            waiting = connection.execute(_OPEN, {"like": digest}).one_or_none()
            if waiting is not None:
                _report_again(connection, waiting, now)
                return False
            row = {
                "connector": self._connector,
                "kind": _storable(reference.kind),
                "record": _storable(reference.id),
                "data": data,
                "digest": digest,
                "reports": 1,
                "state": "waiting",
                "not_before": now + timedelta(seconds=wait),
                "attempts": 0,
                "faults": 0,
                "received_at": now,
            }
            if insert_if_absent(connection, kept_references, row):
                return True
        raise AssertionError("an event is kept and is not")

    def claim(self, limit: int) -> list[InboxEvent]:
        """Lease up to ``limit`` that are due, those that have waited longest first."""
        with self._ledger.read() as connection:
            now = self._ledger.moment(connection, self._now)
            if connection.execute(_DUE, {"now": now, "limit": 1}).first() is None:
                return []
        owner = f"{self._owner}/{next(self._claims)}"
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            ids = list(connection.execute(_CLAIM, {"now": now, "limit": limit}).scalars())
            mine = _c.id.in_(ids)
            taken = {"owner": owner, "not_before": now + self._lease, "attempts": _c.attempts + 1}
            connection.execute(update(kept_references).where(mine).values(**taken))
            rows = connection.execute(select(kept_references).where(mine).order_by(_c.id)).all()
        return [_event(row, owner) for row in rows]

    def finish(self, event: InboxEvent, ending: InboxEnding) -> str | None:
        """Write how far it got; the state that it is in now, None where another process has taken it over."""
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            mine = select(_c.reports).where(*_MINE, _WAITING).with_for_update()
            reports = connection.execute(mine, {"this": event.id, "by": event.owner}).scalar_one_or_none()
            if reports is None:
                return None
            values: dict[str, Any] = {"owner": None, "faults": event.faults + ending.fault}
            if reports != event.reports and (ending.state != "waiting" or ending.cause):
                # It was reported anew meanwhile: the record may have been read in its old state.
                state, values = "waiting", values | {"not_before": now, "attempts": 0, "faults": 0}
            elif ending.state in ("done", "ignored"):
                state, values = ending.state, values | WIPED | {"finished_at": now}
                self._settle(connection, event.reference, now)
            else:
                state = ending.state
                values |= {"not_before": now + timedelta(seconds=ending.wait), "why": ending.why}
                if ending.answered:
                    about = null() if ending.about is None else ending.about
                    values |= {"cause": ending.cause, "about": about}
            connection.execute(_CHANGE.values(state=state, **values), {"this": event.id})
        return state

    def settle(self, references: Sequence[Reference]) -> None:
        """Finish the parked events of these records, which were mended and reported anew since."""
        with self._ledger.read() as connection:
            if not any(self._parked(connection, reference) for reference in references):
                return
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            for reference in references:
                self._settle(connection, reference, now)

    def _settle(self, connection: Connection, reference: Reference, now: datetime) -> None:
        ids = self._parked(connection, reference)
        if ids:
            done = update(kept_references).where(_c.id.in_(ids), _PARKED)
            connection.execute(done.values(**WIPED, state="done", finished_at=now))
            _LOG.info("events.resolved", connector=self._connector, kept=ids, record_kind=reference.kind, state="done")

    def _parked(self, connection: Connection, reference: Reference) -> list[int]:
        """The parked events of this record; of a call result those of its call, since each has an id of its own."""
        query = select(_c.id, _c.record, _c.data).where(
            _PARKED, _c.connector == self._connector, _c.kind == _storable(reference.kind)
        )
        rows = connection.execute(query).all()
        if reference.kind != RESULT:
            return [row.id for row in rows if row.record == _storable(reference.id)]
        call = _call_of(reference.data)
        return [row.id for row in rows if call is not None and _call_of(row.data) == call]

    def wake(self) -> int:
        """Make the events due that wait for the CRM, which is back now; how many."""
        waits = (_WAITING, _c.cause.is_(None), _c.owner.is_(None), _c.connector == self._connector)
        with self._ledger.read() as connection:
            now = self._ledger.moment(connection, self._now)
            if connection.execute(select(_c.id).where(*waits, _c.not_before > now).limit(1)).first() is None:
                return 0
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            later = update(kept_references).where(*waits, _c.not_before > now)
            return connection.execute(later.values(not_before=now)).rowcount

    def retry_unmapped(self) -> int:
        """Make the events due that wait for a value to be mapped, now that the mapping may be another; how many."""
        waits = (_WAITING, _c.cause.is_not(None), _c.owner.is_(None))
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            return connection.execute(update(kept_references).where(*waits).values(not_before=now)).rowcount

    def forget(self, before: datetime) -> int:
        """Remove events that had finished ``before`` then, a small number at a time; how many."""
        with self._ledger.write() as connection:
            return forget_finished(connection, before)


def forget_finished(connection: Connection, before: datetime) -> int:
    """Remove events that had finished ``before`` then, a small number at a time; how many."""
    ids = list(connection.execute(_FINISHED, {"before": before}).scalars())
    if ids:
        connection.execute(delete(kept_references).where(_c.id.in_(ids)))
    return len(ids)


def _report_again(connection: Connection, kept: Any, now: datetime) -> None:
    values: dict[str, Any] = {"reports": _c.reports + 1}
    if kept.state == "parked":
        values |= {"state": "waiting", "attempts": 0, "faults": 0, "why": None}
    if kept.owner is None and (kept.state == "parked" or kept.cause is not None):
        # The record may have been mended. An event that waits for the CRM itself goes on waiting.
        values |= {"not_before": now}
    connection.execute(_CHANGE.values(**values), {"this": kept.id})


def _call_of(result: Any) -> str | None:
    """The id of the call that a call result is of."""
    call = result.get("call") if isinstance(result, Mapping) else None
    return str(call["id"]) if isinstance(call, Mapping) and call.get("id") else None


def _event(row: Any, owner: str) -> InboxEvent:
    reference = Reference(row.kind, row.record, row.data)
    return InboxEvent(row.id, reference, row.attempts, row.faults, row.reports, owner, row.received_at)


def _storable(text: str) -> str:
    """The text as every database takes it: no NUL, no half of a character."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _storable_json(data: Mapping[str, Any]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(_storable(json.dumps(data, ensure_ascii=False)))
    return loaded
