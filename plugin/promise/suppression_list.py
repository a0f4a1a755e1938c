"""The suppression list as it is read: what a number is excluded from now, from what calls and people said of it.

Of a number and scope the latest statement counts, by its time; one that a correction has taken back says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Text, bindparam, column, func, select, type_coerce
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import NullType

from plugin.ledger.schema import UtcTime, calls
from plugin.ledger.suppression import suppressions

#: What a number may be excluded from, in the admin's words.
SCOPES = {"calls": "звонки", "mailings": "рассылки"}
#: Rows that are fetched at a time where the whole list is walked over.
_AT_A_TIME = 2_000

_s = suppressions.c
_STANDS = _s.withdrawn_at.is_(None)
_STATEMENTS = (_s.number, _s.scope, _s.suppresses, _s.at)
_ORDER = (_s.number, _s.scope, _s.at, _s.id)


def _of_numbers(given: Any) -> Select[Any]:
    return select(*_STATEMENTS).join(given, given.c.value == _s.number).where(_STANDS).order_by(*_ORDER)


_JSON_NUMBERS = _of_numbers(func.json_each(bindparam("numbers", type_=Text)).table_valued("value"))
_ARRAY_NUMBERS = _of_numbers(
    func.unnest(bindparam("numbers", type_=ARRAY(Text)))
    .table_valued(column("value", Text), name="given")
    .render_derived()
)
# As the driver hands them over: for a million rows, types cost more than the reading.
_RAW = (_s.number, _s.scope, type_coerce(_s.suppresses, NullType), type_coerce(_s.at, NullType))
_WHOLE = select(*_RAW).where(_STANDS).order_by(*_ORDER)
# Said so that SQLite goes by the index's order, and does not take the scope for constant and sort by the rest.
_ONLY = _s.scope.concat("") == bindparam("scope")
_PAGE = select(_s.number).distinct().where(_s.number > bindparam("after")).order_by(_s.number).limit(bindparam("limit"))
_IN_SCOPE = _s.scope == bindparam("scope")
_CHANGED = _s.changed_at >= bindparam("since", type_=UtcTime)
_TAKEN_BACK = (
    select(_s.number, _s.scope, func.min(_s.at, type_=UtcTime), func.max(_s.withdrawn_at, type_=UtcTime))
    .where(_s.number.in_(bindparam("numbers", expanding=True)), _s.suppresses, ~_STANDS)
    .group_by(_s.number, _s.scope)
)
_SAID_OF = (
    select(suppressions, calls.c.call_id)
    .outerjoin(calls, calls.c.id == _s.call_ref)
    .where(_s.number == bindparam("wanted"))
    .order_by(_s.scope, _s.at, _s.id)
)


class SuppressionEntry(NamedTuple):
    """What a number is, or was, excluded from: ``since``, and ``until`` where it was released or that taken back."""

    number: str
    scope: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SuppressionPage:
    """Some numbers' entries in the order of the numbers. ``next``: the number after which the next page begins."""

    entries: tuple[SuppressionEntry, ...]
    next: str | None


def entries_of(connection: Connection, numbers: Collection[str]) -> dict[str, list[SuppressionEntry]]:
    """The entries of those of these numbers (E.164) that anything was said of."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(_JSON_NUMBERS, {"numbers": json.dumps(sorted(set(numbers)))})
    else:
        rows = connection.execute(_ARRAY_NUMBERS, {"numbers": sorted(set(numbers))})
    found: dict[str, list[SuppressionEntry]] = {}
    for entry in entries_in(rows):
        found.setdefault(entry.number, []).append(entry)
    return found


def suppressed_entries(connection: Connection, scope: str | None = None) -> Iterator[SuppressionEntry]:
    """All that is excluded now, in the order of numbers and scopes; never more than a few rows in memory."""
    query, chosen = (_WHOLE, {}) if scope is None else (_WHOLE.where(_ONLY), {"scope": scope})
    options = {"yield_per": _AT_A_TIME, "stream_results": True}
    rows = connection.execute(query, chosen, execution_options=options)
    return _suppressed(rows)


def suppression_page(
    connection: Connection, *, scope: str | None, since: datetime | None, after: str, limit: int
) -> SuppressionPage:
    """The entries of the next ``limit`` numbers after this one.

    Without ``since`` those that are excluded now; with it also those that were released, of numbers of which anything
    was said or taken back from then on.
    """
    query, chosen = _PAGE, {"after": after, "limit": limit + 1}
    if scope is not None:
        query, chosen = query.where(_IN_SCOPE), chosen | {"scope": scope}
    query = query.where(_STANDS) if since is None else query.where(_CHANGED)
    numbers = list(connection.execute(query, chosen | ({} if since is None else {"since": since})).scalars())
    next_ = numbers[limit - 1] if len(numbers) > limit else None
    entries = {
        (one.number, one.scope): one for some in entries_of(connection, numbers[:limit]).values() for one in some
    }
    if since is not None:
        taken_back = connection.execute(_TAKEN_BACK, {"numbers": numbers[:limit]})
        entries = {(row[0], row[1]): SuppressionEntry(*row) for row in taken_back} | entries
    shown = [
        entry
        for _, entry in sorted(entries.items())
        if scope in (None, entry.scope) and (since is not None or entry.until is None)
    ]
    return SuppressionPage(tuple(shown), next_)


def said_of(connection: Connection, number: str) -> Sequence[Mapping[str, Any]]:
    """Everything that was ever said of a number, taken back or not, with the CRM's id of the call that said it."""
    return [dict(row) for row in connection.execute(_SAID_OF, {"wanted": number}).mappings()]


def entries_besides_call(connection: Connection, number: str, call_id: str) -> list[SuppressionEntry]:
    """The entries of a number (E.164), but for what the call with this id of the CRM's says."""
    said = [row for row in said_of(connection, number) if row["withdrawn_at"] is None and row["call_id"] != call_id]
    return list(entries_in((row["number"], row["scope"], row["suppresses"], row["at"]) for row in said))


def entries_in(rows: Iterable[Any]) -> Iterator[SuppressionEntry]:
    """The entry of each number and scope; ``rows`` are statements that stand, in the list's order."""
    for statements in _by_number_and_scope(rows):
        since: datetime | None = None
        until: datetime | None = None
        for _, _, suppresses, at in statements:
            if not suppresses:
                until = until or at
            elif since is None or until is not None:
                since, until = at, None
        if since is not None:
            yield SuppressionEntry(statements[0][0], statements[0][1], since, until)


def _suppressed(rows: Iterable[Any]) -> Iterator[SuppressionEntry]:
    """Of raw rows the entries that stand; most numbers have one statement, which is an entry by itself."""
    # Written out, since a million of them are walked over: each layer more costs a second.
    first: Any = None
    further: list[Any] = []
    for row in rows:
        if first is not None and row[0] == first[0] and row[1] == first[1]:
            further.append(row)
            continue
        if further:
            yield from _standing([first, *further])
            further = []
        elif first is not None and first[2]:
            yield SuppressionEntry(first[0], first[1], _moment(first[3]))
        first = row
    if first is not None:
        yield from _standing([first, *further])


def _standing(statements: Sequence[Any]) -> Iterator[SuppressionEntry]:
    for entry in entries_in(statements):
        if entry.until is None:
            yield entry._replace(since=_moment(entry.since))


def _by_number_and_scope(rows: Iterable[Any]) -> Iterator[list[Any]]:
    together: list[Any] = []
    number = scope = None
    for row in rows:
        if row[0] != number or row[1] != scope:
            if together:
                yield together
            together, number, scope = [row], row[0], row[1]
        else:
            together.append(row)
    if together:
        yield together


def _moment(at: Any) -> datetime:
    """A time as the driver hands it over: text on SQLite."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return moment.replace(tzinfo=UTC)
