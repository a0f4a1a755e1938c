"""What each dialler's list is to hold: what calls and people say of numbers is taken over from the suppression list.

A dialler hears of what is said from the first start on that knows it; what was excluded before, by a person's word.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, func, insert, literal_column, select, union_all, update

from plugin.common.clock import Now
from plugin.config.settings import PushedDialler
from plugin.ledger import Ledger
from plugin.ledger.audit import Actor
from plugin.ledger.pushed_numbers import PushState, pushed_numbers
from plugin.ledger.schema import UtcTime
from plugin.ledger.suppression import suppressions
from plugin.ledger.walk import TableWalk, lock_position, move_position, position
from plugin.promise.suppression_list import entries_of, suppressed_entries

_LOG = structlog.get_logger(__name__)

#: Statements and numbers of one transaction.
AT_ONCE = 500
#: Between two looks, in seconds: what the last one saw as the newest is committed by then.
_PAUSE = 5.0
#: What was taken back is looked at so far back: clocks of several machines may be so far apart.
_OVERLAP = timedelta(minutes=10)
_s, _p = suppressions.c, pushed_numbers.c
_NEWEST = select(func.max(_s.id))
_SAID = (
    select(_s.id, _s.number, _s.scope)
    .where(_s.id > bindparam("after"), _s.id <= bindparam("until"))
    .order_by(_s.id)
    .limit(AT_ONCE)
)
_TAKEN_BACK = (
    select(_s.number)
    .distinct()
    .where(
        _s.withdrawn_at.is_not(None),
        _s.withdrawn_at >= bindparam("since", type_=UtcTime),
        _s.scope == bindparam("scope"),
    )
)
_OF_DIALLER = _p.dialler == bindparam("of_dialler")
_ROWS = select(_p.id, _p.number, _p.wanted).where(_OF_DIALLER, _p.number.in_(bindparam("numbers", expanding=True)))
_ROWS_LOCKED = _ROWS.order_by(_p.id).with_for_update()
_CHANGE = update(pushed_numbers).where(_p.id == bindparam("of"))
_HELD = (
    select(_p.id, _p.number).where(_OF_DIALLER, _p.wanted, _p.id > bindparam("after")).order_by(_p.id).limit(AT_ONCE)
)
_COUNTS = (
    select(_p.state, _p.wanted, func.count().label("number"), func.min(_p.since, type_=UtcTime).label("oldest"))
    .where(_OF_DIALLER)
    .group_by(_p.state, _p.wanted)
)
_REASONS = (
    select(_p.why, func.count().label("number"))
    .where(_OF_DIALLER, _p.state != literal_column("'done'"), _p.why.is_not(None))
    .group_by(_p.why)
    .order_by(func.count().desc(), _p.why)
    .limit(5)
)
#: Said as the partial indexes say it: what diallers hold is not looked through.
_UNDONE = union_all(
    *(
        select(_p.dialler, _p.state, func.count().label("number"), func.min(_p.since, type_=UtcTime).label("oldest"))
        .where(_p.state == literal_column(f"'{state}'"))
        .group_by(_p.dialler, _p.state)
        for state in (PushState.OPEN, PushState.PARKED)
    )
)
_AGAIN = (
    update(pushed_numbers)
    .where(_OF_DIALLER, _p.state != literal_column("'open'"))
    .values(state=PushState.OPEN.value, attempts=0, why=None, not_before=bindparam("now", type_=UtcTime), owner=None)
)


@dataclass(frozen=True, slots=True)
class PushPlan:
    """How many numbers are to be put into a dialler's list, and taken out, that it is not meant to hold so far."""

    add: int
    remove: int


@dataclass(frozen=True, slots=True)
class PushCounts:
    """A dialler's numbers: held as wanted, on their way (the oldest since then), and refused by it."""

    held: int
    open: int
    parked: int
    oldest: datetime | None


def set_wanted(connection: Connection, dialler: PushedDialler, numbers: Collection[str], now: datetime) -> int:
    """Have the dialler's list brought to what is excluded of these numbers now; of how many that is news."""
    news = _news(connection, dialler, numbers, _ROWS_LOCKED)
    turn = {"since": now, "state": PushState.OPEN.value, "attempts": 0, "why": None, "settled_at": None}
    if news.add:
        shared = turn | {"dialler": dialler.name, "not_before": now}
        rows = [shared | {"number": number, "wanted": wanted} for number, wanted in news.add]
        connection.execute(insert(pushed_numbers), rows)
    for id_, wanted in news.change:
        connection.execute(_CHANGE.values(wanted=wanted, **turn), {"of": id_})
        # One that a process has just now keeps its turn: who has it sees afterwards that something else is wanted.
        connection.execute(_CHANGE.where(_p.owner.is_(None)).values(not_before=now), {"of": id_})
    return len(news.add) + len(news.change)


class PushList:
    """One dialler's share of the list, kept up to date by any number of processes. Raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, dialler: PushedDialler, now: Now) -> None:
        self._ledger = ledger
        self._dialler = dialler
        self._now = now
        self._walk = TableWalk(f"push:{dialler.name}", _NEWEST)
        self._back = f"back:{dialler.name}"

    def step(self) -> float:
        """Take over what was said since; the seconds until the next time."""
        with self._ledger.read() as connection:
            settled = self._walk.settled(connection)
        if settled is None:
            with self._ledger.write() as connection:
                self._walk.begin(connection)
                lock_position(connection, self._back, _minute(self._now()))
            return _PAUSE
        more = self._take_over(settled)
        self._take_back()
        return 0.0 if more else _PAUSE

    def _take_over(self, until: int) -> bool:
        """What was said up to this statement; whether there is more."""
        with self._ledger.read() as connection:
            if self._walk.is_past(connection, until):
                return False
        with self._ledger.write() as connection:
            after = self._walk.after(connection, until)
            said = connection.execute(_SAID, {"after": after, "until": until}).all()
            done = said[-1].id if len(said) == AT_ONCE else until
            self._set(connection, {row.number for row in said if row.scope == self._dialler.scope})
            self._walk.move(connection, after, done)
        return len(said) == AT_ONCE

    def _take_back(self) -> None:
        """What was taken back lately; each time a little further back, and written only where that changes a thing."""
        now = self._now()
        with self._ledger.read() as connection:
            minute = position(connection, self._back)
            since = datetime.fromtimestamp(60 * minute, UTC) - _OVERLAP
            found = connection.execute(_TAKEN_BACK, {"since": since, "scope": self._dialler.scope}).scalars().all()
            news = [some for some in in_parts(found) if not _news(connection, self._dialler, some, _ROWS).is_empty]
        if not news and _minute(now) - minute < _OVERLAP / timedelta(minutes=1):
            return
        with self._ledger.write() as connection:
            for some in news:
                self._set(connection, some)
            move_position(connection, self._back, max(minute, _minute(now)))

    def _set(self, connection: Connection, numbers: Collection[str]) -> None:
        if numbers and (changed := set_wanted(connection, self._dialler, numbers, self._now())):
            _LOG.info("push.planned", dialler=self._dialler.name, numbers=changed)


# --- the whole list, by a person's word ---------------------------------------------------------------


def plan_push(connection: Connection, dialler: PushedDialler) -> PushPlan:
    """What a push of the whole list would change; changes nothing."""
    found = [_news(connection, dialler, some, _ROWS) for some in _all_numbers(connection, dialler)]
    wanted = [is_in for one in found for _, is_in in (*one.add, *one.change)]
    return PushPlan(sum(wanted), len(wanted) - sum(wanted))


def push_all(ledger: Ledger, now: Now, dialler: PushedDialler, actor: Actor, *, again: bool = False) -> int:
    """Have the whole list pushed; of how many numbers that is news. Raises LedgerUnavailable.

    ``again``: what the dialler held already, or refused, is looked at once more, too.
    """
    changed = 0
    with ledger.read() as connection:
        parts = list(_all_numbers(connection, dialler))
    for some in parts:
        with ledger.write() as connection:
            changed += set_wanted(connection, dialler, some, now())
    if again:
        with ledger.write() as connection:
            changed += connection.execute(_AGAIN, {"of_dialler": dialler.name, "now": now()}).rowcount
    _LOG.info("push.by_hand", dialler=dialler.name, by=actor.by, why=actor.why, numbers=changed)
    return changed


def push_counts(connection: Connection, dialler: str) -> PushCounts:
    """How far a dialler's list is what it is meant to be."""
    counted: dict[str, int] = dict.fromkeys(PushState, 0)
    oldest: datetime | None = None
    held = 0
    for row in connection.execute(_COUNTS, {"of_dialler": dialler}):
        counted[row.state] += row.number
        held += row.number if row.state == PushState.DONE and row.wanted else 0
        if row.state == PushState.OPEN:
            oldest = row.oldest if oldest is None else min(oldest, row.oldest)
    return PushCounts(held, counted[PushState.OPEN], counted[PushState.PARKED], oldest)


def undone_pushes(connection: Connection) -> Mapping[str, PushCounts]:
    """Of each dialler for which anything is on its way or parked how much that is; ``held`` is not counted."""
    found: dict[str, PushCounts] = {}
    for row in connection.execute(_UNDONE):
        known = found.get(row.dialler, PushCounts(0, 0, 0, None))
        if row.state == PushState.OPEN:
            found[row.dialler] = replace(known, open=row.number, oldest=row.oldest)
        else:
            found[row.dialler] = replace(known, parked=row.number)
    return found


def push_reasons(connection: Connection, dialler: str) -> Sequence[tuple[str, int]]:
    """Why numbers are not in a dialler's list, or not out of it, and of how many, the most frequent first."""
    return [(row.why, row.number) for row in connection.execute(_REASONS, {"of_dialler": dialler})]


# --- details ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _News:
    """Numbers of which a dialler was told nothing, and rows of which something else is wanted now; and what is."""

    add: Sequence[tuple[str, bool]]
    change: Sequence[tuple[int, bool]]

    @property
    def is_empty(self) -> bool:
        return not (self.add or self.change)


def _news(connection: Connection, dialler: PushedDialler, numbers: Collection[str], rows: Any) -> _News:
    entries = entries_of(connection, numbers)
    found = {number: [one for one in entries.get(number, ()) if one.scope == dialler.scope] for number in numbers}
    wanted = {number: any(one.until is None for one in some) for number, some in found.items()}
    asked = {"of_dialler": dialler.name, "numbers": sorted(wanted)}
    known = {row.number: row for row in connection.execute(rows, asked)}
    # One that was excluded once and is released may be in the dialler's list by other ways.
    add = [(number, wanted[number]) for number, some in sorted(found.items()) if some and number not in known]
    change = [(row.id, wanted[number]) for number, row in sorted(known.items()) if row.wanted != wanted[number]]
    return _News(add, change)


def _all_numbers(connection: Connection, dialler: PushedDialler) -> Iterator[Sequence[str]]:
    """Every number that the list or the dialler's rows hold, some at a time."""
    yield from in_parts(entry.number for entry in suppressed_entries(connection, dialler.scope))
    after = 0
    while rows := connection.execute(_HELD, {"of_dialler": dialler.name, "after": after}).all():
        after = rows[-1].id
        yield [row.number for row in rows]


def in_parts(numbers: Iterable[str]) -> Iterator[Sequence[str]]:
    """So many at a time as one transaction takes."""
    left = iter(numbers)
    while some := list(itertools.islice(left, AT_ONCE)):
        yield some


def _minute(moment: datetime) -> int:
    return int(moment.timestamp() // 60)
