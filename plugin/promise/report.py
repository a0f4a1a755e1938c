"""A month's promises: kept in time, late, broken; by script, source, person and operator; and clients who asked again.

A promise belongs to the month in which the client was promised it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, func, select

from plugin.errors import InputError
from plugin.ledger.promises import PromiseState, promises, watched_reminders
from plugin.ledger.schema import UtcTime, calls, deliveries
from plugin.ledger.suppression import refused_calls
from plugin.promise.bookkeeping import IS_REMINDER

#: What nobody is named for.
NOBODY = "—"
#: A deadline is at most so long after its call (``promise_hours``).
_LONGEST_TERM = timedelta(days=366)
_KEPT, _LATE, _BROKEN, _WITHDRAWN = PromiseState.KEPT, PromiseState.LATE, PromiseState.BROKEN, PromiseState.WITHDRAWN

_p, _d, _w = promises.c, deliveries.c, watched_reminders.c
_START, _END = bindparam("start", type_=UtcTime), bindparam("end", type_=UtcTime)
_earlier, _promised = calls.alias("earlier"), promises.alias("promised")
_BEFORE = (
    select(func.count())
    .select_from(_earlier)
    .join(_promised, _promised.c.call_ref == _earlier.c.id)
    .where(_earlier.c.phone == calls.c.phone, _earlier.c.last_occurred_at < calls.c.first_occurred_at)
    .scalar_subquery()
)
_PROMISES = (
    select(
        *(_p.call_ref, _p.decision_ref, _p.state, _p.deadline_at, _p.ended_at, calls.c.call_id, calls.c.namespace),
        *(calls.c.script, calls.c.operator, calls.c.outcome, calls.c.first_occurred_at, _BEFORE.label("before")),
    )
    .join(calls, calls.c.id == _p.call_ref)
    .where(
        _p.deadline_at >= _START,
        _p.deadline_at < bindparam("latest", type_=UtcTime),
        calls.c.first_occurred_at >= _START,
        calls.c.first_occurred_at < _END,
    )
    .order_by(calls.c.first_occurred_at, _p.call_ref)
)
_REMINDERS = (
    select(_d.decision_ref, _d.role, _w.done_by, _w.done_at)
    .outerjoin(watched_reminders, _w.delivery_ref == _d.id)
    .where(_d.decision_ref.in_(bindparam("decisions", expanding=True)), IS_REMINDER)
    .order_by(_d.id)
)
_REFUSED = select(func.count()).where(refused_calls.c.noticed_at >= _START, refused_calls.c.noticed_at < _END)
#: Decisions whose reminders one query reads.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class PromiseLine:
    """One promise of the report. ``hours`` from the call to the last reminder's end; ``before``: earlier promises to
    the same number. ``people``: the recipients of its reminders, ``done_by`` those who did them.
    """

    call: int
    call_id: str
    source: str
    script: str
    operator: str | None
    outcome: str | None
    called_at: datetime
    deadline_at: datetime
    state: str
    ended_at: datetime | None
    people: tuple[str, ...]
    done_by: tuple[str, ...]
    before: int

    @property
    def hours(self) -> float | None:
        """How long it took, of one that was done."""
        if self.state not in (_KEPT, _LATE) or self.ended_at is None:
            return None
        return (self.ended_at - self.called_at) / timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PromiseGroup:
    """Promises of one script, source, person or operator. ``standing``: neither done nor broken yet.

    ``median_hours`` and ``worst_hours`` of those that were done, the worst with its call.
    """

    name: str
    total: int
    kept: int
    late: int
    broken: int
    withdrawn: int
    standing: int
    median_hours: float | None
    worst_hours: float | None
    worst_call: int | None

    @classmethod
    def of(cls, name: str, lines: Sequence[PromiseLine]) -> PromiseGroup:
        """The figures of these promises."""
        counted = {state: sum(line.state == state for line in lines) for state in PromiseState}
        timed = [(line.hours, line.call) for line in lines if line.hours is not None]
        worst = max(timed, default=(None, None))
        settled = (_KEPT, _LATE, _BROKEN, _WITHDRAWN)
        return cls(
            name=name,
            total=len(lines),
            kept=counted[_KEPT],
            late=counted[_LATE],
            broken=counted[_BROKEN],
            withdrawn=counted[_WITHDRAWN],
            standing=len(lines) - sum(counted[state] for state in settled),
            median_hours=median(hours for hours, _ in timed) if timed else None,
            worst_hours=worst[0],
            worst_call=worst[1],
        )


@dataclass(frozen=True, slots=True)
class PromiseReport:
    """One month: ``whole`` and by what it is told apart; ``days`` (of the month, from 1) as they were called on.

    ``repeated``: promises to numbers that had been promised something before; ``refused``: calls to excluded numbers.
    """

    start: datetime
    lines: Sequence[PromiseLine]
    whole: PromiseGroup
    scripts: Sequence[PromiseGroup]
    sources: Sequence[PromiseGroup]
    people: Sequence[PromiseGroup]
    operators: Sequence[PromiseGroup]
    days: Sequence[PromiseGroup]
    repeated: Sequence[PromiseLine]
    refused: int


def month_of(given: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The beginning of a month ``YYYY-MM`` by the zone's clocks, and that of the next. Raises InputError."""
    try:
        start = datetime.strptime(given.strip(), "%Y-%m").replace(tzinfo=zone)
    except ValueError as error:
        raise InputError(f"--month: «{given[:20]}» не похоже на месяц", hint="Например: 2026-11") from error
    following = (start + timedelta(days=32)).replace(day=1)
    return start, following


def promise_report(connection: Connection, start: datetime, end: datetime) -> PromiseReport:
    """The report of the calls from ``start`` up to ``end`` (aware, by the clocks that its days go by)."""
    moments = {"start": start, "end": end, "latest": end + _LONGEST_TERM}
    rows = connection.execute(_PROMISES, moments).all()
    reminders = _reminders(connection, [row.decision_ref for row in rows])
    lines = [_line(row, reminders.get(row.decision_ref, [])) for row in rows]
    zone = start.tzinfo
    return PromiseReport(
        start=start,
        lines=lines,
        whole=PromiseGroup.of("", lines),
        scripts=_grouped(lines, lambda line: [line.script]),
        sources=_grouped(lines, lambda line: [line.source]),
        people=_grouped(lines, lambda line: line.people or (NOBODY,)),
        operators=_grouped(lines, lambda line: [line.operator or NOBODY]),
        days=_grouped(lines, lambda line: [f"{line.called_at.astimezone(zone):%d}"]),
        repeated=[line for line in lines if line.before],
        refused=connection.execute(_REFUSED, moments).scalar_one(),
    )


def _reminders(connection: Connection, decisions: Sequence[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for place in range(0, len(decisions), _AT_ONCE):
        for row in connection.execute(_REMINDERS, {"decisions": list(decisions[place : place + _AT_ONCE])}):
            found.setdefault(row.decision_ref, []).append(row)
    return found


def _line(row: Any, reminders: Sequence[Any]) -> PromiseLine:
    return PromiseLine(
        call=row.call_ref,
        call_id=row.call_id,
        source=row.namespace,
        script=row.script,
        operator=row.operator,
        outcome=row.outcome,
        called_at=row.first_occurred_at,
        deadline_at=row.deadline_at,
        state=row.state,
        ended_at=row.ended_at,
        people=tuple(dict.fromkeys(one.role for one in reminders if one.role)),
        done_by=tuple(dict.fromkeys(one.done_by for one in reminders if one.done_by)),
        before=row.before,
    )


def _grouped(lines: Iterable[PromiseLine], names: Callable[[PromiseLine], Iterable[str]]) -> list[PromiseGroup]:
    """The groups by their names; a promise stands in each of its people's."""
    found: dict[str, list[PromiseLine]] = {}
    for line in lines:
        for name in names(line):
            found.setdefault(name, []).append(line)
    return [PromiseGroup.of(name, found[name]) for name in sorted(found)]
