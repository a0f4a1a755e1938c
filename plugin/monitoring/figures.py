"""What the whole ledger's processes have done and have left to do, by queries on indexes; no personal data.

What is left is read afresh; what was done is counted from ``started`` on, each row once, in whatever order concurrent
transactions made their rows visible.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    select,
    union_all,
)

from plugin.ledger.connected import kept_references
from plugin.ledger.schema import UtcTime, attempts, calls, decisions, deliveries
from plugin.ledger.states import OPEN
from plugin.ledger.undone import in_states
from plugin.promise.promise_list import PromiseCounts, count_promises
from plugin.promise.push_list import PushCounts, undone_pushes
from plugin.promise.refused_calls import refused_by_source

#: The upper bounds of the histogram of attempts, in seconds.
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0)
#: The one kind that goes to the plugin's own mail server.
_OWN_MAIL = "smtp_email"
#: Rows whose transactions may commit after those of higher numbers.
_OVERLAP = 500
#: Rows that one reading takes in at most: the rest waits for the next.
_AT_ONCE = 20_000
#: The same for endings, by time: clocks of several machines may be so far apart.
_SETTLED = timedelta(minutes=10)

#: (state, whether it goes to the mail server) → how many.
States = Counter[tuple[str, bool]]

_IS_MAIL = (deliveries.c.kind == literal_column(f"'{_OWN_MAIL}'")).label("is_mail")
_NOW = bindparam("now", type_=UtcTime)
_SOON = bindparam("soon", type_=UtcTime)


def _standing(where: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            deliveries.c.state,
            _IS_MAIL,
            func.count().label("number"),
            func.min(deliveries.c.created_at).label("oldest"),
        )
        .where(where)
        .group_by(deliveries.c.state, _IS_MAIL)
    )


_OPEN = _standing(in_states(OPEN))
_PARKED = _standing(in_states(("parked",)))
# Said as the partial indexes say it: one for what goes to the CRM, one for mail, one for what was parked.
_PRESSING = union_all(
    *(
        select(deliveries.c.call_ref, deliveries.c.deadline_at).where(condition, deliveries.c.deadline_at < _SOON)
        for condition in (
            and_(in_states(OPEN), deliveries.c.kind != literal_column(f"'{_OWN_MAIL}'")),
            and_(in_states(OPEN), deliveries.c.kind == literal_column(f"'{_OWN_MAIL}'")),
            in_states(("parked",)),
        )
    )
).subquery()
_BY_CALL = (select(func.min(_PRESSING.c.deadline_at).label("deadline_at")).group_by(_PRESSING.c.call_ref)).subquery()
_PROMISES = select(
    func.count().label("pressing"), func.sum(case((_BY_CALL.c.deadline_at < _NOW, 1), else_=0)).label("late")
).select_from(_BY_CALL)
_ENDED = (
    select(deliveries.c.state, _IS_MAIL, func.count().label("number"))
    .where(
        deliveries.c.finished_at > bindparam("after", type_=UtcTime),
        deliveries.c.finished_at <= bindparam("until", type_=UtcTime),
    )
    .group_by(deliveries.c.state, _IS_MAIL)
)
_DECIDED = select(decisions.c.id, calls.c.script, decisions.c.outcome, decisions.c.revision).join(
    calls, calls.c.id == decisions.c.call_ref
)
_TRIED = select(attempts.c.id, attempts.c.step, attempts.c.outcome, attempts.c.seconds, _IS_MAIL).join(
    deliveries, deliveries.c.id == attempts.c.delivery_ref
)
_KEPT = select(kept_references.c.id)
_KEPT_WAITING = select(func.count(), func.min(kept_references.c.received_at)).where(
    kept_references.c.state == literal_column("'waiting'")
)
_KEPT_PARKED = select(func.count()).where(kept_references.c.state == literal_column("'parked'"))


@dataclass(frozen=True, slots=True)
class WaitingEvents:
    """The CRM's own events that are kept: how many wait, since when, and how many were left to a human."""

    waiting: int = 0
    since: datetime | None = None
    parked: int = 0


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is left to do: deliveries by state, when the oldest was planned, promises (calls) late and at risk."""

    states: States
    oldest: datetime | None
    late: int
    at_risk: int
    events: WaitingEvents = field(default_factory=WaitingEvents)
    #: Calls to excluded numbers within a day, by source.
    refused: Mapping[str, int] = field(default_factory=dict)
    #: Numbers that diallers lack or hold too long, by dialler.
    pushes: Mapping[str, PushCounts] = field(default_factory=dict)
    #: Promises that stand, and those that ended within a day.
    promises: PromiseCounts = field(default_factory=lambda: PromiseCounts({}, {}))


@dataclass(slots=True)
class Durations:
    """A histogram: attempts per bound of ``BOUNDS`` and above all of them, and the sum of their seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one attempt."""
        self.counts[next((place for place, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))] += 1
        self.seconds += seconds


def read_standing(connection: Connection, now: datetime, at_risk: timedelta) -> Backlog:
    """What is left to do at ``now``."""
    rows = [*connection.execute(_OPEN), *connection.execute(_PARKED)]
    oldest = min((row.oldest for row in rows if row.state != "parked"), default=None)
    pressing, late = connection.execute(_PROMISES, {"now": now, "soon": now + at_risk}).one()
    waiting, since = connection.execute(_KEPT_WAITING).one()
    events = WaitingEvents(waiting, since, connection.execute(_KEPT_PARKED).scalar_one())
    refused = {one.source: one.number for one in refused_by_source(connection, now - timedelta(days=1))}
    promised = count_promises(connection, now - timedelta(days=1))
    pushes = undone_pushes(connection)
    return Backlog(_counted(rows), oldest, late or 0, pressing - (late or 0), events, refused, pushes, promised)


class EndedDeliveries:
    """Deliveries that ended since ``started``, by state."""

    def __init__(self, started: datetime) -> None:
        self._settled: States = Counter()
        self._until = started
        self._shown: States = Counter()

    def read(self, connection: Connection, now: datetime) -> States:
        """All so far. One that is retried stays counted as having ended."""
        settled = max(self._until, now - _SETTLED)
        if settled > self._until:
            self._settled += self._between(connection, self._until, settled)
            self._until = settled
        newest = self._settled + self._between(connection, settled, now + _SETTLED)
        # Never less than before, as befits a counter.
        self._shown |= newest
        return self._shown

    @staticmethod
    def _between(connection: Connection, after: datetime, until: datetime) -> States:
        return _counted(connection.execute(_ENDED, {"after": after, "until": until}))


class TableTail:
    """Rows added to a table since ``started``, each handed out once; ``time`` is the column that dates them."""

    def __init__(self, query: Select[Any], time: ColumnElement[datetime], started: datetime) -> None:
        (table,) = select(time).get_final_froms()
        self._query = query.where(table.c.id > bindparam("low")).order_by(table.c.id).limit(_AT_ONCE)
        self._before = (
            select(table.c.id).where(time < bindparam("started", started, type_=UtcTime)).order_by(table.c.id.desc())
        ).limit(1)
        self._first: int | None = None
        self._low = 0
        self._seen: set[int] = set()

    def read(self, connection: Connection) -> list[Row[Any]]:
        """Those that were not handed out before."""
        if self._first is None:
            self._first = self._low = connection.execute(self._before).scalar_one_or_none() or 0
        rows = connection.execute(self._query, {"low": self._low}).all()
        new = [row for row in rows if row.id not in self._seen]
        if rows:
            self._low = max(self._first, rows[-1].id - _OVERLAP)
            self._seen = {row.id for row in rows if row.id > self._low}
        return new


class Figures:
    """All of it together, of one ledger. Not thread-safe."""

    def __init__(self, started: datetime, at_risk: timedelta) -> None:
        self._at_risk = at_risk
        self._endings = EndedDeliveries(started)
        self._decided = TableTail(_DECIDED, decisions.c.created_at, started)
        self._tried = TableTail(_TRIED, attempts.c.at, started)
        self._kept = TableTail(_KEPT, kept_references.c.received_at, started)
        #: The CRM's own events that were kept.
        self.kept = 0
        self.standing = Backlog(Counter(), None, 0, 0)
        self.ended: States = Counter()
        #: (script, outcome, revision) → how many; outcome None: a call that was never finished.
        self.decided: Counter[tuple[str, str | None, str]] = Counter()
        #: (step, outcome, whether it went to the mail server) → how long they took.
        self.tried: dict[tuple[str, str, bool], Durations] = {}

    def read(self, connection: Connection, now: datetime) -> None:
        """Bring everything up to date."""
        self.standing = read_standing(connection, now, self._at_risk)
        self.ended = self._endings.read(connection, now)
        self.decided.update((row.script, row.outcome, row.revision) for row in self._decided.read(connection))
        self.kept += len(self._kept.read(connection))
        for row in self._tried.read(connection):
            key = (row.step, row.outcome, bool(row.is_mail))
            self.tried.setdefault(key, Durations()).add(row.seconds)


def _counted(rows: Any) -> States:
    counted: States = Counter()
    for row in rows:
        counted[row.state, bool(row.is_mail)] += row.number
    return counted


def cumulated(durations: Durations) -> Mapping[str, int]:
    """Attempts that took up to each bound, as Prometheus writes bounds; the last is ``+Inf``."""
    total, found = 0, {}
    for bound, count in zip((*BOUNDS, float("inf")), durations.counts, strict=True):
        total += count
        found["+Inf" if bound == float("inf") else str(bound)] = total
    return found
