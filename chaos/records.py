"""What the plugin's own ledger says of a run, read straight from its tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import func, select

from plugin.ledger import Ledger
from plugin.ledger.schema import attempts, calls, deliveries, events

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
