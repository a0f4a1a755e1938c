"""Finds calls by what people know of them: a number or a part of it, the client's name, the card and the operator.

Everything is answered from indexes alone, so that a million calls are gone through in a fraction of a second.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, exists, false, func, or_, select, tuple_

from connectors.kit.phones import notations, numbers_in, parts_of_number
from plugin.ledger.schema import calls, deliveries
from plugin.ledger.undone import UNDONE, in_states

#: Signs of a name that are searched: an index takes no more than so much in an entry.
_LONGEST = 80
#: Each Cyrillic letter as one byte: half as much to go through. Folded text has no Latin capitals of its own.
_ONE_BYTE = {ord("а") + place: ord("@") + place for place in range(32)}


@dataclass(frozen=True, slots=True)
class CallSearch:
    """What the calls are to have, each where it is given.

    ``phone``: a number or a part of it, in any notation; ``name``: words or parts of words of the client's name;
    ``source``: the namespace that its calls are kept under; ``state``: of one of the deliveries; ``since`` and
    ``until`` (exclusive): when the call ended; ``after``: the id of the call after which the list goes on, and
    ``last`` that of the last one which is looked at.
    """

    phone: str | None = None
    name: str | None = None
    card: str | None = None
    operator: str | None = None
    script: str | None = None
    outcome: str | None = None
    source: str | None = None
    state: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: int | None = None
    last: int | None = None

    @property
    def narrows(self) -> bool:
        """Whether anything is asked for."""
        return self != CallSearch()


def folded(name: str | None) -> str | None:
    """A name as it is searched: without regard to case, to «ё» and to how its letters are composed."""
    if not name:
        return None
    text = unicodedata.normalize("NFC", name).casefold().replace("ё", "е")
    return " ".join(text.split())[:_LONGEST].translate(_ONE_BYTE)


def ids_found(connection: Connection, search: CallSearch, limit: int) -> Sequence[int]:
    """The ids of the first ``limit`` such calls, those that ended last first."""
    wanted, ended = [*_fields(search), *_name(connection, search.name), *_times(search)], calls.c.last_occurred_at
    order: ColumnElement[datetime] = ended
    numbers = numbers_in(search.phone)
    if numbers:
        # Earlier versions kept numbers as they were reported.
        wanted.append(calls.c.phone.in_([notation for number in numbers for notation in notations(number)]))
        # Not by the bare time: SQLite would rather go through all calls in that order, if its statistics are old.
        order = func.coalesce(ended, ended)
    elif search.phone is not None:
        wanted.append(_part_of_number(connection, search.phone))
    if search.state in UNDONE:
        wanted.append(calls.c.id.in_(select(deliveries.c.call_ref).where(in_states((search.state,)))))
        order = func.coalesce(ended, ended)
    elif search.state is not None:
        wanted.append(exists().where(deliveries.c.call_ref == calls.c.id, deliveries.c.state == search.state))
    wanted += _part_of_list(connection, search)
    query = select(calls.c.id).where(*wanted).order_by(order.desc(), calls.c.id.desc())
    return connection.execute(query.limit(limit)).scalars().all()


def last_of(connection: Connection, search: CallSearch, most: int) -> tuple[int, datetime] | None:
    """Where a search ends that looks at no more than ``most`` calls: the last one's id, and when it ended.

    None: it looks at fewer, or an index leads it to what it searches. ``CallSearch.last`` takes the id.
    """
    is_led = numbers_in(search.phone) or search.card or search.operator or search.state in UNDONE
    wanted = (search.phone, search.name, search.script, search.outcome, search.source, search.state)
    if is_led or not any(one is not None for one in wanted):
        return None
    ended = calls.c.last_occurred_at
    query = select(calls.c.id, ended).where(*_times(search), *_part_of_list(connection, search))
    row = connection.execute(query.order_by(ended.desc(), calls.c.id.desc()).offset(most - 1).limit(1)).one_or_none()
    return None if row is None else (row.id, row.last_occurred_at)


def is_call(connection: Connection, id_: int) -> bool:
    """Whether there is a call of this id."""
    return connection.execute(select(calls.c.id).where(calls.c.id == id_)).one_or_none() is not None


def _fields(search: CallSearch) -> list[ColumnElement[bool]]:
    given = {
        calls.c.card_id: search.card,
        calls.c.operator: search.operator,
        calls.c.script: search.script,
        calls.c.outcome: search.outcome,
        calls.c.namespace: search.source,
    }
    return [column == value for column, value in given.items() if value is not None]


def _times(search: CallSearch) -> list[ColumnElement[bool]]:
    wanted, ended = [], calls.c.last_occurred_at
    if search.since is not None:
        wanted.append(ended >= search.since)
    if search.until is not None:
        wanted.append(ended < search.until)
    return wanted


def _part_of_list(connection: Connection, search: CallSearch) -> list[ColumnElement[bool]]:
    """What comes after one call, and not after another."""
    wanted, order = [], tuple_(calls.c.last_occurred_at, calls.c.id)
    for id_, is_end in ((search.after, False), (search.last, True)):
        if id_ is not None:
            moment = connection.execute(select(calls.c.last_occurred_at).where(calls.c.id == id_)).scalar_one()
            there = tuple_(bindparam(None, moment, type_=calls.c.last_occurred_at.type), bindparam(None, id_))
            wanted.append(order >= there if is_end else order < there)
    return wanted


def _name(connection: Connection, name: str | None) -> list[ColumnElement[bool]]:
    return [_holds(connection, calls.c.card_search, word) for word in (folded(name) or "").split()]


def _part_of_number(connection: Connection, phone: str) -> ColumnElement[bool]:
    return or_(false(), *(_holds(connection, calls.c.phone, part) for part in parts_of_number(phone)))


def _holds(connection: Connection, column: ColumnElement[str], part: str) -> ColumnElement[bool]:
    """Whether the text holds this part, which is compared sign by sign: LIKE takes three times as long."""
    place = func.instr if connection.dialect.name == "sqlite" else func.strpos
    return place(column, part) > 0
