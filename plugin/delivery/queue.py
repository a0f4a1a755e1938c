"""The queue of deliveries in the ledger: claim what is due under a lease, begin it, and finish it.

Every step is one transaction that first checks the lease again, so that of several processes only one ever acts on a
delivery; a lease that runs out makes it due for any process.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, cast

import structlog
from sqlalchemy import Connection, Row, bindparam, func, insert, literal_column, select, text, update

from connectors.base import Assignee
from plugin.common.clock import Now
from plugin.delivery.clock_jumps import is_anything_ahead, repair_due_times
from plugin.delivery.fair_order import OPEN_LITERALS, any_due, next_due
from plugin.delivery.loading import loaded, on_their_cards
from plugin.delivery.model import AttemptStep, Delivery, DeliveryEnding, SentAs
from plugin.delivery.refusals import Refusals, read_refusals
from plugin.ledger import Ledger
from plugin.ledger.chain import Change, note
from plugin.ledger.group_commit import GroupCommit
from plugin.ledger.schema import attempts, deliveries
from plugin.ledger.states import ENDED, DeliveryKind, DeliveryState
from plugin.resilience.health import FAULT
from plugin.resilience.lanes import LANES, Lane

_LOG = structlog.get_logger(__name__)

_LOCK = (
    select(
        deliveries.c.id,
        deliveries.c.call_ref,
        deliveries.c.state,
        deliveries.c.owner,
        deliveries.c.cancel,
        deliveries.c.lease_until,
        deliveries.c.sent_at,
        deliveries.c.attempts,
        deliveries.c.assignee,
        deliveries.c.remote_id,
    )
    .where(deliveries.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(deliveries.c.id)
    .with_for_update()
)
_LOG_STEPS = insert(attempts)
_CHANGE = update(deliveries).where(deliveries.c.id == bindparam("of"))
# What has been begun is leased for longer than any claim is.
_TO_RENEW = (
    select(deliveries.c.id)
    .where(
        deliveries.c.state.in_(OPEN_LITERALS),
        deliveries.c.not_before < bindparam("until", type_=deliveries.c.not_before.type),
        deliveries.c.state == literal_column(f"'{DeliveryState.LEASED}'"),
        deliveries.c.owner.in_(bindparam("claims", expanding=True)),
    )
    .order_by(deliveries.c.id)
    .with_for_update(skip_locked=True)
)
_WAKE = (
    update(deliveries)
    .where(
        deliveries.c.state == literal_column(f"'{DeliveryState.WAITING}'"),
        deliveries.c.kind == literal_column(f"'{DeliveryKind.SMTP_EMAIL}'"),
        deliveries.c.why.like(bindparam("reason", type_=deliveries.c.why.type)),
    )
    .values(not_before=bindparam("moment", type_=deliveries.c.not_before.type))
)
_FAULTS = select(func.count()).where(
    attempts.c.delivery_ref == bindparam("id"), attempts.c.code == bindparam("code", type_=attempts.c.code.type)
)
#: Claims with batch mates are made by one process at a time, under this number that nothing else locks by.
_CLAIMING = text("SELECT pg_try_advisory_xact_lock(:key)").bindparams(key=0x6F70746F7575)
_MOST_PASSED_OVER = 5
#: Transactions of a full house begin no sooner than so many seconds after one another: a few large ones take less of
#: the machine than many small ones, and what waits for them is not on its way.
_APART = 0.01
#: How what is not in the CRM may end for now: a correction that came meanwhile makes an end of it.
_UNSENT = frozenset({DeliveryState.PENDING, DeliveryState.WAITING, DeliveryState.PARKED})
_STEP_COLUMNS = [field.name for field in fields(AttemptStep)]


class Begun(Enum):
    """Whether a delivery may go out now."""

    YES = "yes"
    LOST = "lost"
    CANCELLED = "cancelled"


#: Whether it may go out, when it was sent, and until when the lease is good.
Started = tuple[Begun, datetime, datetime]


@dataclass(frozen=True, slots=True)
class _Begin:
    delivery: Delivery
    sent_as: SentAs


@dataclass(frozen=True, slots=True)
class _Finish:
    delivery: Delivery
    ending: DeliveryEnding
    steps: Sequence[AttemptStep]


#: What came of a step that was begun, or of one that ended.
_Taken = Started | DeliveryEnding | None
#: A delivery that goes out, and how.
_Sending = tuple[Delivery, SentAs]
#: How a delivery ended, and the steps that led to it.
_Ending = tuple[Delivery, DeliveryEnding, Sequence[AttemptStep]]


class Queue:
    """The deliveries of one ledger as one process sees them. Thread-safe. Everything raises LedgerUnavailable.

    ``owner`` names this start of this process and no other. What has been begun is left alone by all others for
    ``lease_seconds``; what is only claimed for ``claim_seconds``, unless that is renewed.
    All times are the ledger's (``Ledger.moment``): the clocks of its machines need not agree. ``now`` is this one's.
    """

    def __init__(
        self, ledger: Ledger, now: Now, owner: str, lease_seconds: float, claim_seconds: float | None = None
    ) -> None:
        self._ledger = ledger
        self._here = now
        self._ahead = timedelta(0)
        self._owner = owner
        self._lease = timedelta(seconds=lease_seconds)
        self._claim = timedelta(seconds=lease_seconds if claim_seconds is None else claim_seconds)
        self._claims = itertools.count(1)
        self._dealt = 0
        self._passed_over = 0
        self._more_is_due = False
        # What begins and what ends share transactions, so that a full house has few.
        self._steps = GroupCommit[_Begin | _Finish, _Taken](
            ledger, self._take, lambda step: step.delivery.id, apart=_APART
        )

    def now(self) -> datetime:
        """The ledger's time without asking it: by this machine's clock, and how far that was off at the last step."""
        return self._here() + self._ahead

    def _moment(self, connection: Connection) -> datetime:
        # Read before the ledger's: a process that is held up in between must take it for later than it is, not earlier.
        here = self._here()
        moment = self._ledger.moment(connection, self._here)
        self._ahead = moment - here if self._ledger.is_shared else timedelta(0)
        return moment

    def claim(
        self,
        limit: int,
        lanes: Collection[Lane] = LANES,
        held: Collection[str] = (),
        *,
        batch_mates: int = 0,
        without: Collection[int] = (),
    ) -> list[Delivery]:
        """Lease up to ``limit`` due deliveries of these lanes, dealt out as ``plugin.delivery.fair_order`` says.

        Those of a state in ``held``, and those named in ``without``, are left alone. With ``batch_mates``, up to so
        many more that were decided together with them; while another process claims so, nothing is claimed, or the two
        would tear them apart.
        """
        if not lanes or not (self._more_is_due or self._is_any_due(lanes, held)):
            return []
        with self._ledger.write() as connection:
            if batch_mates and not self._may_claim(connection):
                return []
            now = self._moment(connection)
            ids = next_due(
                connection,
                now,
                limit,
                first=self._dealt,
                lanes=lanes,
                held=held,
                batch_mates=batch_mates,
                without=without,
            )
            self._more_is_due = len(ids) >= limit
            if not ids:
                return []
            self._dealt += limit
            lease = f"{self._owner}#{next(self._claims)}"
            connection.execute(update(deliveries).where(deliveries.c.id.in_(ids)), _leased(lease, now + self._claim))
            return on_their_cards(connection, loaded(connection, ids))

    def _is_any_due(self, lanes: Collection[Lane], held: Collection[str]) -> bool:
        """Looked at first, for an idle loop must not take the writers' turn every second."""
        with self._ledger.read() as connection:
            return any_due(connection, self._moment(connection), lanes, held)

    def renew(self, claims: Collection[str]) -> None:
        """Go on holding what of these claims (``Delivery.lease``) has neither been begun nor lost."""
        with self._ledger.write() as connection:
            until = self._moment(connection) + self._claim
            ids = list(connection.execute(_TO_RENEW, {"claims": list(claims), "until": until}).scalars())
            if ids:
                held = {"lease_until": until, "not_before": until}
                connection.execute(update(deliveries).where(deliveries.c.id.in_(ids)).values(**held))

    def _may_claim(self, connection: Connection) -> bool:
        """Whether no other process is claiming; one that was stopped in the middle is not waited for long."""
        if not self._ledger.is_shared:
            return True
        self._passed_over = 0 if connection.execute(_CLAIMING).scalar_one() else self._passed_over + 1
        return self._passed_over == 0 or self._passed_over > _MOST_PASSED_OVER

    def begin(self, sending: Sequence[_Sending]) -> Sequence[Started]:
        """Note that they go out now: from here on each is *unknown* until something better is known of it.

        Checks of each that the lease is still ours (and renews it) and that no correction has cancelled it.
        """
        steps = [_Begin(delivery, sent_as) for delivery, sent_as in sending]
        return cast(Sequence[Started], self._steps.submit(steps))

    def finish(self, ended: Sequence[_Ending]) -> Sequence[DeliveryEnding | None]:
        """Write the endings and the steps that led to them; returns what was written, None if the lease was lost.

        A *done* is written without a lease too: it is true whoever holds it now, and keeps them from sending again.
        Of a delivery that was given up as cancelled meanwhile it is logged as an error, for a human to look at.
        """
        steps = [_Finish(delivery, ending, steps) for delivery, ending, steps in ended]
        return cast(Sequence["DeliveryEnding | None"], self._steps.submit(steps))

    def _take(self, connection: Connection, steps: Sequence[_Begin | _Finish]) -> Sequence[_Taken]:
        # Every process locks deliveries in the order of their ids, so that no two wait for each other.
        rows = _locked(connection, [step.delivery for step in steps])
        # Only now: another transaction may have held a row for a while.
        now = self._moment(connection)
        taken, begun, ended = list[_Taken](), list[dict[str, Any]](), list[dict[str, Any]]()
        for step in steps:
            row = rows[step.delivery.id]
            if isinstance(step, _Begin):
                taken.append(self._begun(row, step, now, begun))
                continue
            ending = _writable(row, step.delivery, step.ending)
            taken.append(ending)
            if ending is not None:
                ended.append({"of": step.delivery.id} | _ended(row, ending, now))
        logged = [_logged(step.delivery, one) for step in steps if isinstance(step, _Finish) for one in step.steps]
        if logged:
            connection.execute(_LOG_STEPS, logged)
        for changes in (begun, ended):
            if changes:
                connection.execute(_CHANGE, changes)
        finished = {step.delivery.id for step in steps if isinstance(step, _Finish)}
        note(connection, [Change("delivery", one, rows[one].call_ref) for one in sorted(finished)])
        return taken

    def _begun(self, row: Row[Any], step: _Begin, now: datetime, changes: list[dict[str, Any]]) -> Started:
        delivery, sent_as = step.delivery, step.sent_as
        if not _is_ours(row, delivery):
            return (Begun.LOST, now, now)
        if row.cancel:
            return (Begun.CANCELLED, now, now)
        until = max(row.lease_until, now + self._lease)
        assignee = _kept(sent_as.assignee) or row.assignee
        sent = {"sent_at": now, "attempts": row.attempts + 1, "assignee": assignee} | sent_as.columns()
        changes.append({"of": delivery.id} | _leased(delivery.lease, until) | sent)
        return (Begun.YES, now, until)

    def repair_due_times(self, longest_wait: float) -> None:
        """Undo what a clock that was ahead has left; see ``plugin.delivery.clock_jumps``."""
        lease = self._lease.total_seconds()
        with self._ledger.read() as connection:
            if not is_anything_ahead(connection, self._moment(connection), lease, longest_wait):
                return
        with self._ledger.write() as connection:
            repair_due_times(connection, self._moment(connection), lease, longest_wait)

    def release(self, unstarted: Sequence[Delivery]) -> None:
        """Give back what was claimed and not begun, due at once for anybody."""
        with self._ledger.write() as connection:
            now = self._moment(connection)
            rows = _locked(connection, unstarted)
            changes = [
                {"of": one.id, "state": _released(rows[one.id]), "owner": None, "lease_until": None, "not_before": now}
                for one in unstarted
                if _is_ours(rows[one.id], one)
            ]
            if changes:
                connection.execute(_CHANGE, changes)

    def wake(self, why: str) -> None:
        """Make the plugin's own mails due now that wait for a reason which begins so."""
        with self._ledger.write() as connection:
            connection.execute(_WAKE, {"moment": self._moment(connection), "reason": f"{why}%"})

    def faults(self, delivery: Delivery) -> int:
        """How many attempts ended in a fault of the code."""
        with self._ledger.read() as connection:
            return connection.execute(_FAULTS, {"id": delivery.id, "code": FAULT}).scalar_one()

    def refusals(self, delivery: Delivery) -> Refusals:
        """The mail server's refusals of it that may have been the account's fault or its own."""
        with self._ledger.read() as connection:
            return read_refusals(connection, delivery.id, self.now())


def _leased(lease: str, until: datetime) -> dict[str, Any]:
    return {"state": DeliveryState.LEASED, "owner": lease, "lease_until": until, "not_before": until}


def unsent_state(sent_at: datetime | None, attempts: int) -> DeliveryState:
    """The state of a delivery that nobody has in hand, by when it was sent and how often that was tried."""
    if sent_at:
        return DeliveryState.UNKNOWN
    return DeliveryState.WAITING if attempts else DeliveryState.PENDING


def _released(row: Row[Any]) -> DeliveryState:
    return unsent_state(row.sent_at, row.attempts)


def _is_ours(row: Row[Any], delivery: Delivery) -> bool:
    return bool(row.state == DeliveryState.LEASED and row.owner == delivery.lease)


def _locked(connection: Connection, claimed: Sequence[Delivery]) -> Mapping[int, Any]:
    """The rows by id; no other transaction changes them until this one ends."""
    return {row.id: row for row in connection.execute(_LOCK, {"ids": [delivery.id for delivery in claimed]})}


def _kept(assignee: Assignee | None) -> dict[str, Any] | None:
    return {"user": assignee.user, "address": assignee.address} if assignee is not None else None


def _writable(row: Row[Any], delivery: Delivery, ending: DeliveryEnding) -> DeliveryEnding | None:
    """The ending as it is to be written, None where another process has the delivery."""
    if not _is_ours(row, delivery):
        if ending.state != DeliveryState.DONE or row.state == DeliveryState.DONE:
            return None
        if row.state == DeliveryState.CANCELLED:
            _LOG.error("delivery.written_though_cancelled", delivery=delivery.id, call=delivery.call_id)
    if row.cancel and ending.state in _UNSENT and ending.sent_at is None:
        return replace(ending, state=DeliveryState.CANCELLED, wait=0.0)
    return ending


def _ended(row: Row[Any], ending: DeliveryEnding, now: datetime) -> dict[str, Any]:
    return {
        "state": ending.state,
        "owner": None,
        "lease_until": None,
        "not_before": now + timedelta(seconds=ending.wait),
        "sent_at": ending.sent_at,
        "attempts": row.attempts + ending.attempts,
        "why": ending.why,
        "mend": ending.why if ending.mends else None,
        "finished_at": now if ending.state in ENDED else None,
        "remote_id": ending.remote_id if ending.remote_id is not None else row.remote_id,
    }


def _logged(delivery: Delivery, step: AttemptStep) -> dict[str, Any]:
    return {"delivery_ref": delivery.id} | {name: getattr(step, name) for name in _STEP_COLUMNS}
