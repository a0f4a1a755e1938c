"""Acts on kept events by hand: list them, try them again now, or drop them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, literal_column, select, update

from plugin.common.clock import Now
from plugin.errors import InputError
from plugin.events.inbox import WIPED
from plugin.ledger import Ledger
from plugin.ledger.audit import Actor, record
from plugin.ledger.connected import kept_references

Does = Literal["retry", "drop"]
#: The states of an event that is not finished.
OPEN = ("waiting", "parked")
STATES = (*OPEN, "done", "ignored", "dropped")
#: The states in the admin's words.
STATE_WORDS = {
    "waiting": "ждёт",
    "parked": "остановлено",
    "done": "обработано",
    "ignored": "не о нашем звонке",
    "dropped": "отброшено вручную",
}

_c = kept_references.c
#: Everything but the event's data, which may be personal.
_SHOWN = (
    *(_c.id, _c.connector, _c.kind, _c.record, _c.state, _c.reports, _c.attempts),
    *(_c.why, _c.about, _c.received_at, _c.not_before, _c.finished_at),
)
_PARKED = _c.state == literal_column("'parked'")


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """One kept event. ``about``: the field, value and fact that it waits for, where it waits for a mapping."""

    id: int
    connector: str
    kind: str
    record: str
    state: str
    reports: int
    attempts: int
    why: str | None
    about: Mapping[str, Any] | None
    received_at: datetime
    not_before: datetime
    finished_at: datetime | None


def newest_kept(
    connection: Connection, states: Sequence[str], limit: int, *, before: int | None = None
) -> list[InboxEntry]:
    """At most ``limit`` events in these states, the newest first; ``before``: only those with lower numbers."""
    query = select(*_SHOWN).where(_c.state.in_(states)).order_by(_c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_c.id < before)
    return [InboxEntry(**row) for row in connection.execute(query).mappings()]


def parked_ids(connection: Connection) -> list[int]:
    """Every event that was left to a human."""
    return list(connection.execute(select(_c.id).where(_PARKED).order_by(_c.id)).scalars())


def count_parked(connection: Connection) -> int:
    """How many events were left to a human."""
    return connection.execute(select(func.count()).where(_PARKED)).scalar_one()


def events_at(connection: Connection, ids: Sequence[int]) -> list[InboxEntry]:
    """These events, all of which must be there and not over. Raises InputError (Russian)."""
    query = select(*_SHOWN).where(_c.id.in_(ids)).order_by(_c.id)
    found = [InboxEntry(**row) for row in connection.execute(query).mappings()]
    if missing := sorted(set(ids) - {one.id for one in found}):
        raise InputError(f"События нет: № {_numbers(missing)}", hint="Номера печатает optout events list")
    if over := [one.id for one in found if one.state not in OPEN]:
        raise InputError(f"С событием уже всё: № {_numbers(over)}", hint="optout events list --state done")
    return found


def act(ledger: Ledger, does: Does, ids: Sequence[int], actor: Actor, now: Now) -> int:
    """Try these again now, or drop them, on record; how many. An event that is being resolved now is not tried again.

    Raises InputError as ``events_at`` does, LedgerUnavailable.
    """
    with ledger.write() as connection:
        moment = ledger.moment(connection, now)
        events = [one.id for one in events_at(connection, ids)]
        values: dict[str, Any] = {"state": "waiting", "not_before": moment, "attempts": 0, "faults": 0, "why": None}
        if does == "drop":
            values = WIPED | {"state": "dropped", "finished_at": moment, "owner": None}
        mine = _c.id.in_(events) if does == "drop" else _c.id.in_(events) & _c.owner.is_(None)
        changed = connection.execute(update(kept_references).where(mine).values(**values)).rowcount
        record(connection, does, actor, now(), [{"details": {"event": id_}} for id_ in events])
    return changed


def _numbers(ids: Sequence[int]) -> str:
    return ", ".join(str(id_) for id_ in ids[:10])
