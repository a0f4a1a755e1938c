"""Hands batches of leased deliveries to the CRM or the mail server: one exchange for a batch, an ending for each.

Whatever goes wrong ends in the ledger, not in an exception: only LedgerUnavailable gets out, and then the leases run
out and another process takes the deliveries over. What goes wrong with one delivery holds up no other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from connectors.base import Outcome, Unknown
from plugin.common.slots import Slots
from plugin.delivery.attempt import Attempt, AttemptStage, looks_on, named_fault
from plugin.delivery.clock_jumps import ClockJumps
from plugin.delivery.model import Delivery
from plugin.delivery.prepare import Preparer
from plugin.delivery.queue import Queue
from plugin.delivery.reconcile import Reconciler
from plugin.delivery.retry import RetryPolicy
from plugin.resilience.health import FAULT, Health, Verdict, of_batch
from plugin.resilience.lanes import Lane, lane_of

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Dispatches batches. Thread-safe: what is known of one delivery lives in its own ``Attempt``.

    ``slots`` bound how many batches are on their way at once; ``room`` how many are, or have been begun and wait for
    one of these: so none on its way to the CRM waits for the ledger's disk. Once ``leaving`` is set nothing goes out.
    """

    queue: Queue
    preparer: Preparer
    reconciler: Reconciler
    retries: RetryPolicy
    jumps: ClockJumps
    slots: Slots
    room: Slots
    leaving: threading.Event

    def dispatch(self, batch: Sequence[Delivery], *, probing: bool = False) -> Health:
        """Take leased deliveries as far as they get now; what that said about the account of the first one.

        Several are all of a kind that the connector writes together. Given back at once while their account is away,
        unless it is ``probing``, while the clock cannot be trusted about when they were sent, and at the end.
        Raises LedgerUnavailable only.
        """
        attempts, health = self._prepared(batch, probing)
        if not attempts:
            return health
        with self.room:
            # Nobody can look for a mail of the plugin's own: if a kill came while it waited here, it would be parked.
            ahead = None if attempts[0].lane is Lane.MAIL else self._begin(attempts, probing)
            with self.slots:
                attempts, asked = ahead or self._begin(attempts, probing)
                begun = self._still_to_go(attempts, asked, probing)
                started = time.monotonic()
                outcomes = self._outcomes(begun)
                # Before the next one goes out: it must not find an account that is known to be away.
                verdicts = self._heard(begun, outcomes, probing)
        self._finish([attempt for attempt in attempts if attempt.stage is AttemptStage.ENDED])
        self._conclude(begun, outcomes, started)
        return of_batch(verdicts).health if begun else health

    def _prepared(self, batch: Sequence[Delivery], probing: bool) -> tuple[list[Attempt], Health]:
        """Attempts that are ready to go; the others have ended, or are given back: they would have to wait too long."""
        prepared, given_back, health = list[Attempt](), list[Delivery](), Health.NO_SIGNAL
        gates, started = self.retries.gates, self.jumps.monotonic()
        for delivery in batch:
            # The first one has all the time that a look-up or a card takes.
            is_late = self.jumps.monotonic() - started > self.retries.timing.request
            if is_late or self._has_to_wait(delivery, probing):
                given_back.append(delivery)
                continue
            attempt = Attempt(delivery, self.queue, self.preparer, self.reconciler, self.retries)
            with gates.about(delivery.id):
                attempt.prepare()
            match attempt.stage:
                case AttemptStage.PREPARED:
                    prepared.append(attempt)
                    continue
                case AttemptStage.HELD:
                    given_back.append(delivery)
                    continue
            self._finish([attempt])
            health = attempt.verdict.health
            if health is Health.ANSWERS:
                # What else a read said has been counted by ``CrmReads``.
                gates.report(attempt.lane, delivery.id, attempt.verdict, probing=probing)
        if given_back:
            self.queue.release(given_back)
        return prepared, health

    def _has_to_wait(self, delivery: Delivery, probing: bool) -> bool:
        if delivery.sent_at is not None:
            self.jumps.look()
            if self.jumps.distrusts_clock:
                return True
        return self._is_held(lane_of(delivery.kind), probing)

    def _still_wanted(self, prepared: Sequence[Attempt], probing: bool) -> list[Attempt]:
        held = [attempt.delivery for attempt in prepared if self._is_held(attempt.lane, probing)]
        if held:
            self.queue.release(held)
        return [attempt for attempt in prepared if attempt.delivery not in held]

    def _is_held(self, lane: Lane, probing: bool) -> bool:
        """Whether nothing of the lane may go out: its account is away, or the process is leaving."""
        return self.leaving.is_set() or (not probing and self.retries.gates.is_away(lane))

    def _begin(self, prepared: Sequence[Attempt], probing: bool) -> tuple[list[Attempt], float]:
        """Those that may be sent now, and when the ledger was asked: on its disk each is *unknown* from here on."""
        # One of the other batches may have found out meanwhile that the account is away.
        prepared, asked = self._still_wanted(prepared, probing), self.jumps.monotonic()
        if not prepared:
            return [], asked
        started = self.queue.begin([(attempt.delivery, attempt.sent_as) for attempt in prepared])
        for attempt, one in zip(prepared, started, strict=True):
            attempt.begin(one)
        self._finish([attempt for attempt in prepared if attempt.stage is AttemptStage.ENDED])
        return [attempt for attempt in prepared if attempt.stage is AttemptStage.BEGUN], asked

    def _still_to_go(self, begun: Sequence[Attempt], asked: float, probing: bool) -> list[Attempt]:
        """Those of them that may go out now; when the ledger was ``asked`` to start them all was well yet."""
        held_up = self.jumps.monotonic() - asked
        for attempt in begun:
            if self._is_held(attempt.lane, probing):
                attempt.give_back()
            else:
                attempt.look_at_lease(held_up)
        return [attempt for attempt in begun if attempt.stage is AttemptStage.BEGUN]

    def _outcomes(self, begun: Sequence[Attempt]) -> Sequence[Outcome]:
        if not begun:
            return []
        try:
            return self.preparer.send([attempt.outgoing for attempt in begun if attempt.outgoing is not None])
        except Exception as error:
            for attempt in begun:
                _LOG.exception("delivery.fault", delivery=attempt.delivery.id, call=attempt.delivery.call_id)
            return [Unknown(named_fault(error), code=FAULT)] * len(begun)

    def _heard(self, begun: Sequence[Attempt], outcomes: Sequence[Outcome], probing: bool) -> list[Verdict]:
        """What the exchange said about the account, of each; the gates count it."""
        for attempt, outcome in zip(begun, outcomes, strict=True):
            attempt.hear(outcome)
        if begun:
            said = [(attempt.delivery.id, attempt.lane, attempt.said) for attempt in begun]
            self.retries.gates.report_exchange(said, probing=probing)
        return [attempt.said for attempt in begun]

    def _conclude(self, begun: Sequence[Attempt], outcomes: Sequence[Outcome], started: float) -> None:
        answered = list(zip(begun, outcomes, strict=True))
        quick = [(attempt, outcome) for attempt, outcome in answered if not looks_on(outcome)]
        for attempt, outcome in quick:
            attempt.conclude(outcome, started)
        self._finish([attempt for attempt, _ in quick])
        # Those that need another look at the CRM must not hold up the others.
        for attempt, outcome in answered:
            if looks_on(outcome):
                with self.retries.gates.about(attempt.delivery.id):
                    attempt.conclude(outcome, started)
                self._finish([attempt])

    def _finish(self, ended: Sequence[Attempt]) -> None:
        """Write endings to the ledger, and the log."""
        entries = [(attempt.delivery, attempt.ending, attempt.steps) for attempt in ended if attempt.ending is not None]
        if entries:
            for attempt, written in zip(ended, self.queue.finish(entries), strict=True):
                attempt.finish(written)
