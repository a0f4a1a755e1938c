"""Everything that the ledger knows of one number: for a client who asks what is kept of them (152-ФЗ, article 14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from connectors.kit.phones import notations
from plugin.ledger.access import session_calls
from plugin.ledger.history import CallHistory, read_call
from plugin.ledger.pushed_numbers import pushed_numbers
from plugin.ledger.schema import calls
from plugin.ledger.suppression import refused_calls
from plugin.ledger.trails import trails
from plugin.promise.email_list import addresses_of
from plugin.promise.suppression_list import SuppressionEntry, entries_of, said_of

_CALLS = select(calls.c.id).where(calls.c.phone.in_(bindparam("phones", expanding=True))).order_by(calls.c.id)
_REFUSED = select(refused_calls).where(refused_calls.c.number == bindparam("number")).order_by(refused_calls.c.id)
_PUSHED = select(pushed_numbers).where(pushed_numbers.c.number == bindparam("number")).order_by(pushed_numbers.c.id)
_TRAILS = select(trails).where(trails.c.about["phone"].as_string() == bindparam("number")).order_by(trails.c.started_at)
_OPENED = (
    select(session_calls.c.call_id, session_calls.c.name, session_calls.c.opened_at)
    .where(session_calls.c.phone == bindparam("number"))
    .order_by(session_calls.c.opened_at)
)


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """All about one number (E.164), each part in its order.

    ``said``: what calls and people said of it for the suppression list, and ``entries``, what counts of that;
    ``refused``: calls to it although it was excluded; ``trails``: how its calls went on the operators' page;
    ``opened``: pages that stand open for it by a link or a frame; ``emails``: addresses kept with it; ``pushed``: what
    diallers were told of it.
    """

    number: str
    calls: Sequence[CallHistory]
    entries: Sequence[SuppressionEntry]
    said: Sequence[Mapping[str, Any]]
    refused: Sequence[Mapping[str, Any]]
    trails: Sequence[Mapping[str, Any]]
    opened: Sequence[Mapping[str, Any]]
    emails: Sequence[str] = ()
    pushed: Sequence[Mapping[str, Any]] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of it."""
        return not any((self.calls, self.said, self.refused, self.trails, self.opened, self.emails, self.pushed))


def read_person(connection: Connection, number: str, now: datetime) -> PersonRecord:
    """All about this number. What the CRM itself keeps is not here, nor what events that wait to be resolved hold."""
    this = {"number": number}
    return PersonRecord(
        number,
        [read_call(connection, id_, now) for id_ in calls_of(connection, number)],
        entries_of(connection, [number]).get(number, []),
        said_of(connection, number),
        _rows(connection, _REFUSED, this),
        _rows(connection, _TRAILS, this),
        _rows(connection, _OPENED, this),
        emails=addresses_of(connection, number),
        pushed=_rows(connection, _PUSHED, this),
    )


def _rows(connection: Connection, query: Select[Any], given: Mapping[str, str]) -> list[Mapping[str, Any]]:
    return [dict(row) for row in connection.execute(query, given).mappings()]


def calls_of(connection: Connection, number: str, *, purged: bool = True) -> Sequence[int]:
    """The ids of the calls of this number (E.164), however it was reported, in the order in which they came in.

    ``purged``: also those of which the number alone is known again.
    """
    phones = list(dict.fromkeys([number, *notations(number)]))
    query = _CALLS if purged else _CALLS.where(calls.c.purged_at.is_(None))
    return connection.execute(query, {"phones": phones}).scalars().all()


def trails_of(connection: Connection, number: str) -> Sequence[Mapping[str, Any]]:
    """How the calls of this number went on the operators' page."""
    return [dict(row) for row in connection.execute(_TRAILS, {"number": number}).mappings()]
