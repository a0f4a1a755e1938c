"""The ledger's side of delivery: claim what is due under a lease, note that it goes out, and write how it ended.

Every step is one transaction that first checks the lease again, so that of several processes only one ever acts on a
delivery; a lease that runs out makes it due for anybody.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import structlog
from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from connectors.base import Assignee, CardRef
from plugin.clock import Now
from plugin.delivery.jumps import is_anything_ahead, put_right
from plugin.delivery.model import Delivery, Ending, Place, Step
from plugin.delivery.order import LANES, Lane, any_due, next_due
from plugin.ledger import Ledger
from plugin.ledger.schema import attempts, calls, decisions, deliveries

_LOG = structlog.get_logger(__name__)

_ENDED = frozenset({"done", "parked", "cancelled"})

_LOAD = (
    select(
        deliveries,
        calls.c.call_id,
        calls.c.phone,
        calls.c.card_type,
        calls.c.card_id,
        decisions.c.target,
        decisions.c.card,
    )
    .join(calls, calls.c.id == deliveries.c.call_ref)
    .join(decisions, decisions.c.id == deliveries.c.decision_ref)
    .where(deliveries.c.id.in_(bindparam("ids", expanding=True)))
)
_LOCK = select(deliveries).where(deliveries.c.id == bindparam("id")).with_for_update()
_FAULTS = select(func.count()).where(
    attempts.c.delivery_ref == bindparam("id"), attempts.c.code == bindparam("code", type_=attempts.c.code.type)
)
#: The code under which a fault of our own or a connector's code stands in the log of attempts.
FAULT = "fault"


class Begun(Enum):
    """Whether a delivery may go out now."""

    YES = "yes"
    LOST = "lost"
    CANCELLED = "cancelled"


class Queue:
    """The deliveries of one ledger as one process sees them. Thread-safe. Everything raises LedgerUnavailable.

    ``owner`` names this start of this process and no other; ``lease_seconds`` is how long a claim is good for.
    All times are the ledger's (``Ledger.moment``): the clocks of its machines need not agree. ``now`` is this one's.
    """

    def __init__(self, ledger: Ledger, now: Now, owner: str, lease_seconds: float) -> None:
        self._ledger = ledger
        self._here = now
        self._ahead = timedelta(0)
        self._owner = owner
        self._lease = timedelta(seconds=lease_seconds)
        self._claims = itertools.count(1)
        self._dealt = 0

    def now(self) -> datetime:
        """The ledger's time without asking it: by this machine's clock, and how far that was off at the last step."""
        return self._here() + self._ahead

    def _moment(self, connection: Connection) -> datetime:
        # Read before the ledger's: a process that is held up in between must take it for later than it is, not earlier.
        here = self._here()
        moment = self._ledger.moment(connection, self._here)
        self._ahead = moment - here if self._ledger.is_shared else timedelta(0)
        return moment

    def claim(self, limit: int, lanes: Collection[Lane] = LANES, held: Collection[str] = ()) -> list[Delivery]:
        """Lease up to ``limit`` due deliveries of these lanes, dealt out as ``plugin.delivery.order`` says.

        Those of a state in ``held`` are left alone.
        """
        with self._ledger.read() as connection:
            # An idle loop must not take the writers' turn every second.
            if not lanes or not any_due(connection, self._moment(connection), lanes, held):
                return []
        with self._ledger.write() as connection:
            now = self._moment(connection)
            ids = next_due(connection, now, limit, first=self._dealt, lanes=lanes, held=held)
            if not ids:
                return []
            self._dealt += limit
            lease = f"{self._owner}#{next(self._claims)}"
            connection.execute(update(deliveries).where(deliveries.c.id.in_(ids)), _leased(lease, now + self._lease))
            rows = {row.id: row for row in connection.execute(_LOAD, {"ids": ids})}
            return [_delivery(rows[id_]) for id_ in ids]

    def begin(self, delivery: Delivery, assignee: Assignee | None) -> tuple[Begun, datetime, datetime]:
        """Note that it goes out now: from here on it is *unknown* until something better is known.

        Checks that the lease is still ours (and renews it) and that no correction has cancelled the delivery.
        Returns with the verdict when it was sent and until when the lease is good.
        """
        with self._ledger.write() as connection:
            row = connection.execute(_LOCK, {"id": delivery.id}).one()
            # Only now: somebody else may have held the row for a while.
            now = self._moment(connection)
            if not _ours(row, delivery):
                return Begun.LOST, now, now
            if row.cancel:
                return Begun.CANCELLED, now, now
            until = max(row.lease_until, now + self._lease)
            values = _leased(delivery.lease, until) | {"sent_at": now, "attempts": row.attempts + 1}
            if assignee is not None:
                values["assignee"] = {"user": assignee.user, "address": assignee.address}
            _update(connection, delivery.id, values)
            return Begun.YES, now, until

    def finish(self, delivery: Delivery, ending: Ending, steps: Sequence[Step]) -> Ending | None:
        """Write the ending and the steps that led to it; returns what was written, None if the lease was lost.

        A *done* is written without a lease too: it is true whoever holds it now, and keeps them from sending again.
        Of a delivery that was given up as cancelled meanwhile it is a fault that somebody must look at.
        """
        with self._ledger.write() as connection:
            row = connection.execute(_LOCK, {"id": delivery.id}).one()
            _log_steps(connection, delivery.id, steps)
            if not _ours(row, delivery):
                if ending.state != "done" or row.state == "done":
                    return None
                if row.state == "cancelled":
                    _LOG.error("delivery.written_though_cancelled", delivery=delivery.id, call=delivery.call_id)
            if row.cancel and ending.state in {"waiting", "parked"} and ending.sent_at is None:
                ending = Ending("cancelled", why=ending.why)
            now = self._moment(connection)
            ended = ending.state in _ENDED
            values = {
                "state": ending.state,
                "owner": None,
                "lease_until": None,
                "not_before": now + timedelta(seconds=ending.wait),
                "sent_at": ending.sent_at,
                "attempts": row.attempts + ending.in_vain,
                "why": ending.why,
                "finished_at": now if ended else None,
            }
            if ending.remote_id is not None:
                values["remote_id"] = ending.remote_id
            _update(connection, delivery.id, values)
            return ending

    def put_right(self, longest_wait: float) -> None:
        """Undo what a clock that was ahead has left; see ``plugin.delivery.jumps``."""
        lease = self._lease.total_seconds()
        with self._ledger.read() as connection:
            if not is_anything_ahead(connection, self._moment(connection), lease, longest_wait):
                return
        with self._ledger.write() as connection:
            put_right(connection, self._moment(connection), lease, longest_wait)

    def release(self, unstarted: Sequence[Delivery]) -> None:
        """Give back what was claimed and not begun, due at once for anybody."""
        with self._ledger.write() as connection:
            now = self._moment(connection)
            # In the order in which everybody locks deliveries, so that no two wait for each other.
            for delivery in sorted(unstarted, key=lambda delivery: delivery.id):
                row = connection.execute(_LOCK, {"id": delivery.id}).one()
                if _ours(row, delivery):
                    state = "unknown" if row.sent_at else "waiting" if row.attempts else "pending"
                    back = {"state": state, "owner": None, "lease_until": None, "not_before": now}
                    _update(connection, delivery.id, back)

    def faults(self, delivery: Delivery) -> int:
        """How often handling it ended in a fault of the code."""
        with self._ledger.read() as connection:
            return connection.execute(_FAULTS, {"id": delivery.id, "code": FAULT}).scalar_one()


def _leased(lease: str, until: datetime) -> dict[str, Any]:
    return {"state": "leased", "owner": lease, "lease_until": until, "not_before": until}


def _ours(row: Row[Any], delivery: Delivery) -> bool:
    return bool(row.state == "leased" and row.owner == delivery.lease)


def _update(connection: Connection, id_: int, values: dict[str, Any]) -> None:
    connection.execute(update(deliveries).where(deliveries.c.id == id_), values)


def _log_steps(connection: Connection, id_: int, steps: Sequence[Step]) -> None:
    if steps:
        connection.execute(
            insert(attempts),
            [
                {
                    "delivery_ref": id_,
                    "at": step.at,
                    "step": step.step,
                    "outcome": step.outcome,
                    "why": step.why,
                    "status": step.status,
                    "code": step.code,
                    "seconds": step.seconds,
                }
                for step in steps
            ],
        )


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        decision_ref=row.decision_ref,
        key=row.key,
        kind=row.kind,
        role=row.role,
        subject=row.subject,
        text=row.text,
        fallback_text=row.fallback_text,
        due_at=row.due_at,
        deadline_at=row.deadline_at,
        withdraws=row.withdraws,
        sent_at=row.sent_at,
        cancel=row.cancel,
        attempts=row.attempts,
        lease=row.owner,
        lease_until=row.lease_until,
        call_id=row.call_id,
        phone=row.phone,
        card=CardRef(row.card_type, row.card_id) if row.card_type and row.card_id else None,
        target=row.target,
        place=Place.of(row.card),
    )
