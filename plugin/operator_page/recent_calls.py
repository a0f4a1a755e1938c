"""The calls that an operator has begun: unfinished ones first, found again by number, each with what became of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from connectors.kit.phones import first_number
from plugin.deciding.ruleset.model import OutcomeSpec
from plugin.ledger.schema import calls, deliveries
from plugin.ledger.states import DeliveryState
from plugin.ledger.trails import trails

#: More are not looked through by eye.
MOST = 200
#: Of a search: the journals that are looked through, the newest ones.
_SEARCHED = 5_000
_UNDER_WAY = frozenset(DeliveryState) - {DeliveryState.DONE, DeliveryState.CANCELLED, DeliveryState.PARKED}
_COLUMNS = (
    trails.c.call_id,
    trails.c.operator,
    trails.c.about,
    trails.c.script,
    trails.c.state,
    trails.c.outcome,
    trails.c.started_at,
)


@dataclass(frozen=True, slots=True)
class RecentCall:
    """A call in the list. ``state`` in words; ``is_open``: the operator has not brought it to its end."""

    id: str
    operator: str | None
    phone: str | None
    name: str | None
    outcome: str | None
    state: str
    is_open: bool
    started_at: datetime


def recent_calls(
    connection: Connection,
    namespace: str,
    outcomes: Mapping[str, Mapping[str, OutcomeSpec]],
    *,
    operator: str | None,
    since: datetime,
    search: str = "",
) -> list[RecentCall]:
    """The calls begun since then, by this operator (None: by all), whose number holds ``search``.

    Unfinished ones first, then the newest first; ``outcomes``: script → its outcomes.
    """
    rows = _found(connection, namespace, operator, since, search)
    written = _written(connection, namespace, [row.call_id for row in rows])
    listed = [_listed(row, outcomes, written.get(row.call_id, frozenset())) for row in rows]
    return sorted(listed, key=lambda one: not one.is_open)


def _found(connection: Connection, namespace: str, operator: str | None, since: datetime, search: str) -> Sequence[Any]:
    query = select(*_COLUMNS).where(
        trails.c.namespace == namespace, trails.c.started_at >= since, trails.c.purged_at.is_(None)
    )
    if operator is not None:
        query = query.where(trails.c.operator == operator)
    found = connection.execute(query.order_by(trails.c.started_at.desc(), trails.c.id.desc()).limit(_SEARCHED))
    newest: dict[str, Any] = {}
    for row in found:
        if _has(row.about or {}, search):
            newest.setdefault(row.call_id, row)
    return list(newest.values())[:MOST]


def _has(about: Mapping[str, Any], search: str) -> bool:
    phone = str(about.get("phone") or "")
    whole = first_number(search)
    if whole is not None:
        return phone == whole
    digits = re.sub(r"\D", "", search)
    return not search.strip() or (bool(digits) and digits in phone)


def _written(connection: Connection, namespace: str, ids: Sequence[str]) -> Mapping[str, frozenset[str]]:
    """The states of what each of these calls has to deliver."""
    query = (
        select(calls.c.call_id, deliveries.c.state)
        .join(deliveries, deliveries.c.call_ref == calls.c.id)
        .where(calls.c.namespace == namespace, calls.c.call_id.in_(ids))
        .distinct()
    )
    states: dict[str, set[str]] = {}
    for call_id, state in connection.execute(query):
        states.setdefault(call_id, set()).add(state)
    return {call_id: frozenset(found) for call_id, found in states.items()}


def _listed(row: Any, outcomes: Mapping[str, Mapping[str, OutcomeSpec]], written: frozenset[str]) -> RecentCall:
    about = row.about or {}
    spec = outcomes.get(row.script, {}).get(row.outcome) if row.state == "confirmed" else None
    return RecentCall(
        id=row.call_id,
        operator=row.operator,
        phone=about.get("phone"),
        name=(about.get("card") or {}).get("name"),
        outcome=spec.label if spec else None,
        state=next(_words(row.state, written)),
        is_open=row.state == "open",
        started_at=row.started_at,
    )


def _words(state: str, written: frozenset[str]) -> Iterator[str]:
    if state == "open":
        yield "не завершён"
    if state == "unfinished":
        yield "передан координатору"
    if DeliveryState.PARKED in written:
        yield "записано не всё"
    if written & _UNDER_WAY:
        yield "записывается"
    yield "записано" if written else "записывать нечего"
