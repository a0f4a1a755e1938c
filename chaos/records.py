"""What the plugin's own ledger says of a run, read straight from its tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, or_, select, update

from plugin.common.clock import utc_now
from plugin.ledger import Ledger
from plugin.ledger.promises import ESCALATION, promises, watched_reminders
from plugin.ledger.schema import UtcTime, attempts, calls, deliveries, events
from plugin.ledger.suppression import suppressions

_p, _w, _s = promises.c, watched_reminders.c, suppressions.c
_PROMISES = select(calls.c.call_id, _p.state).join(calls, calls.c.id == _p.call_ref)
_WATCHED = select(_w.remote_id, _w.state)
_STANDING = (
    select(calls.c.call_id, _w.remote_id)
    .join(promises, _p.call_ref == calls.c.id)
    .join(deliveries, deliveries.c.decision_ref == _p.decision_ref)
    .join(watched_reminders, _w.delivery_ref == deliveries.c.id)
    .where(_w.state != "void")
)
_SUPPRESSED = select(_s.number, _s.scope).where(_s.withdrawn_at.is_(None), _s.suppresses)
_HOURS_PASS = update(watched_reminders).where(_w.state == "open", _w.remote_id.is_not(None))
_NOT_LOOKED_AT = select(func.count()).where(
    _w.state == "open", or_(_w.looked_at.is_(None), _w.looked_at < bindparam("since", type_=UtcTime))
)
_ESCALATIONS = select(func.count()).where(deliveries.c.action.startswith(ESCALATION, autoescape=True))
_ENDED = ("done", "cancelled", "parked")
_STATES = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
_WAITING = select(func.count()).where(calls.c.unfinished_at.is_not(None))
_ROWS = select(deliveries.c.key, deliveries.c.kind, deliveries.c.state, deliveries.c.sent_at)
_PERHAPS_MAILED = (
    select(calls.c.call_id)
    .join(deliveries, deliveries.c.call_ref == calls.c.id)
    .where(deliveries.c.kind == "smtp_email", deliveries.c.state == "cancelled", deliveries.c.sent_at.is_not(None))
)
_LOOKED_UP = select(attempts.c.outcome, func.count()).where(
    attempts.c.step == "look_up", attempts.c.outcome.in_(("found", "absent"))
)


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery: ``perhaps_sent`` of one that was cancelled means that it cannot be known."""

    key: str
    kind: str
    state: str
    perhaps_sent: bool


class Records:
    """Reads one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def states(self) -> Counter[str]:
        """How many deliveries are in each state."""
        with self._ledger.read() as connection:
            return Counter({state: count for state, count in connection.execute(_STATES)})

    def open(self) -> int:
        """How many deliveries are still to be made, and calls waited for."""
        with self._ledger.read() as connection:
            waiting: int = connection.execute(_WAITING).scalar_one()
            states = Counter({state: count for state, count in connection.execute(_STATES)})
        return waiting + states.total() - sum(states[state] for state in _ENDED)

    def rows(self) -> list[Row]:
        """Every delivery."""
        with self._ledger.read() as connection:
            rows = connection.execute(_ROWS).all()
        return [Row(row.key, row.kind, row.state, row.sent_at is not None) for row in rows]

    def perhaps_mailed(self) -> frozenset[str]:
        """The calls of which a mail was cancelled that may have left: nobody can look it up."""
        with self._ledger.read() as connection:
            return frozenset(connection.execute(_PERHAPS_MAILED).scalars())

    def missing(self, accepted: Collection[str]) -> list[str]:
        """Those of these events that are not there exactly once."""
        with self._ledger.read() as connection:
            kept = Counter(connection.execute(select(events.c.event_id)).scalars())
        return sorted(event for event in accepted if kept[event] != 1)

    # --- promises and numbers ----------------------------------------------------------------------

    def hours_pass(self) -> datetime:
        """Every open reminder is to be looked at again; since when."""
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, utc_now)
            connection.execute(_HOURS_PASS.values(next_look_at=now))
        return now

    def not_looked_at(self, since: datetime) -> int:
        """How many reminders that are open for all the plugin knows it has not looked at since then."""
        with self._ledger.read() as connection:
            count: int = connection.execute(_NOT_LOOKED_AT, {"since": since}).scalar_one()
        return count

    def promises(self) -> dict[str, list[str]]:
        """The states of each call's promises, by the CRM's id of the call."""
        return self._lists(_PROMISES)

    def watched(self) -> dict[str, list[str]]:
        """What is known of each reminder, by its id in the CRM."""
        return self._lists(_WATCHED)

    def standing(self) -> dict[str, list[str]]:
        """The ids in the CRM of the reminders by which each call's promise stands."""
        return self._lists(_STANDING)

    def suppressed(self) -> Counter[tuple[str, str]]:
        """How often each number is excluded from each scope by what stands."""
        with self._ledger.read() as connection:
            return Counter((row.number, row.scope) for row in connection.execute(_SUPPRESSED))

    def escalations(self) -> int:
        """How often people were told of promises that are not kept."""
        with self._ledger.read() as connection:
            count: int = connection.execute(_ESCALATIONS).scalar_one()
        return count

    def _lists(self, query: Select[Any]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        with self._ledger.read() as connection:
            for name, value in connection.execute(query):
                found.setdefault(name, []).append(value)
        return found

    def looked_up(self) -> Counter[str]:
        """How often an *unknown* was settled by a look-up: ``found`` or ``absent``."""
        with self._ledger.read() as connection:
            rows = connection.execute(_LOOKED_UP.group_by(attempts.c.outcome))
            return Counter({outcome: count for outcome, count in rows})


@contextmanager
def records(url: str) -> Iterator[Records]:
    """The records of the ledger at ``url``, for the length of the block."""
    ledger = Ledger(url)
    try:
        yield Records(ledger)
    finally:
        ledger.close()
