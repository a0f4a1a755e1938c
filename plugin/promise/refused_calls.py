"""Calls after a refusal: looks through the calls that come in for numbers that were excluded before, and lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, func, select

from connectors.kit.phones import first_number
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.errors import LedgerUnavailable, OptoutError
from plugin.events.refused_call import ReportedCall, note_refused_call
from plugin.ledger import Ledger
from plugin.ledger.schema import UtcTime, calls, events
from plugin.ledger.suppression import refused_calls, suppressions
from plugin.ledger.walk import TableWalk

_LOG = structlog.get_logger(__name__)

#: Calls that one transaction looks at, and the seconds between two looks.
_AT_ONCE = 200
_PAUSE = 5.0
_NAME = "refused_calls"
_NEWEST = select(func.max(calls.c.id))
_SOURCE = (
    select(events.c.source).where(events.c.call_ref == calls.c.id).order_by(events.c.id).limit(1).scalar_subquery()
)
_CALLS = (
    select(
        *(calls.c.id, calls.c.namespace, calls.c.call_id, calls.c.script, calls.c.phone, calls.c.last_occurred_at),
        _SOURCE.label("source"),
    )
    .where(calls.c.id > bindparam("after"), calls.c.id <= bindparam("until"), calls.c.dry_run.is_(False))
    .order_by(calls.c.id)
    .limit(_AT_ONCE)
)
_SAID = (
    select(suppressions.c.number, suppressions.c.call_ref)
    .where(suppressions.c.number.in_(bindparam("numbers", expanding=True)), suppressions.c.withdrawn_at.is_(None))
    .distinct()
)
_LISTED = (
    select(refused_calls, calls.c.call_id)
    .outerjoin(calls, calls.c.id == refused_calls.c.call_ref)
    .order_by(refused_calls.c.id.desc())
    .limit(bindparam("limit"))
)
_SINCE = refused_calls.c.noticed_at >= bindparam("since", type_=UtcTime)
_BY_SOURCE = (
    select(
        refused_calls.c.source,
        func.count().label("number"),
        func.max(refused_calls.c.noticed_at, type_=UtcTime).label("last"),
    )
    .where(_SINCE)
    .group_by(refused_calls.c.source)
    .order_by(refused_calls.c.source)
)


@dataclass(frozen=True, slots=True)
class RefusedBySource:
    """How many excluded numbers a source's calls went to, and when that was last noticed."""

    source: str
    number: int
    last: datetime


class RefusedCallWatch:
    """Looks through the calls; any number of processes may, and each call is noted once."""

    def __init__(self, ledger: Ledger, rules: ActiveRules, now: Now) -> None:
        self._ledger = ledger
        self._rules = rules
        self._now = now
        self._walk = TableWalk(_NAME, _NEWEST)

    def step(self) -> float:
        """Look at some; the seconds until the next time. Raises LedgerUnavailable."""
        with self._ledger.read() as connection:
            settled = self._walk.settled(connection)
        if settled is None:
            with self._ledger.write() as connection:
                self._walk.begin(connection)
            return _PAUSE
        return 0.0 if self._look(settled) == _AT_ONCE else _PAUSE

    def _look(self, until: int) -> int:
        """How many calls were looked at."""
        try:
            scopes = {name: decider.script.scope for name, decider in self._rules.current().scripts.items()}
        except LedgerUnavailable:
            raise
        except OptoutError:
            return 0
        with self._ledger.read() as connection:
            if self._walk.is_past(connection, until):
                return 0
        with self._ledger.write() as connection:
            after = self._walk.after(connection, until)
            found = connection.execute(_CALLS, {"after": after, "until": until}).all()
            spoken_of = _spoken_of(connection, found)
            for row in found:
                if row.id in spoken_of:
                    self._note(connection, row, scopes.get(row.script))
            done = found[-1].id if len(found) == _AT_ONCE else until
            self._walk.move(connection, after, done)
        return len(found)

    def _note(self, connection: Connection, row: Any, scope: str | None) -> None:
        number = first_number(row.phone)
        if scope is None or number is None:
            return
        source = row.source or row.namespace
        call = ReportedCall(source, row.namespace, row.call_id, number, row.last_occurred_at, row.id)
        if note_refused_call(connection, call, scope, self._now()):
            _LOG.warning("suppression.called", source=source, call=row.call_id, scope=scope)


def _spoken_of(connection: Connection, found: Sequence[Any]) -> set[int]:
    """Of these calls, those whose number somebody else than the call itself has said something about: few."""
    numbers = {row.id: number for row in found if (number := first_number(row.phone)) is not None}
    if not numbers:
        return set()
    others: dict[str, set[int | None]] = {}
    for number, call_ref in connection.execute(_SAID, {"numbers": list(set(numbers.values()))}):
        others.setdefault(number, set()).add(call_ref)
    return {call for call, number in numbers.items() if others.get(number, set()) - {call}}


def list_refused_calls(connection: Connection, since: datetime | None, limit: int) -> Sequence[Any]:
    """The newest calls to excluded numbers, newest first, with the CRM's id of the call where it is kept."""
    if since is None:
        return connection.execute(_LISTED, {"limit": limit}).all()
    return connection.execute(_LISTED.where(_SINCE), {"limit": limit, "since": since}).all()


def refused_by_source(connection: Connection, since: datetime) -> Sequence[RefusedBySource]:
    """By source, those noticed since then."""
    return [RefusedBySource(*row) for row in connection.execute(_BY_SOURCE, {"since": since})]
