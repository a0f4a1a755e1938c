"""Hands batches of leased deliveries to the CRM or the mail server: one exchange for a batch, an ending for each.

Whatever goes wrong ends in the ledger, not in an exception: only LedgerUnavailable gets out, and then the leases run
out and another process takes the deliveries over. What goes wrong with one delivery holds up no other.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import structlog

from connectors.base import Outcome, Unknown
from plugin.delivery.attempt import Attempt, AttemptStage, looks_on, named_fault
from plugin.delivery.clock_jumps import ClockJumps
from plugin.delivery.model import Delivery
from plugin.delivery.prepare import Preparer
from plugin.delivery.queue import Queue
from plugin.delivery.reconcile import Reconciler
from plugin.delivery.retry import RetryPolicy
from plugin.resilience.health import FAULT, Health, of_batch
from plugin.resilience.lanes import Lane, lane_of

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Dispatches batches. Thread-safe: what is known of one delivery lives in its own ``Attempt``.

    ``slots`` bound how many batches are on their way at once.
    """

    queue: Queue
    preparer: Preparer
    reconciler: Reconciler
    retries: RetryPolicy
    jumps: ClockJumps
    slots: AbstractContextManager[Any]

    def dispatch(self, batch: Sequence[Delivery], *, probing: bool = False) -> Health:
        """Take leased deliveries as far as they get now; what that said about the account of the first one.

        Several are all of a kind that the connector writes together. Given back at once while their account is away,
        unless it is ``probing``, and while the clock cannot be trusted about when they were sent.
        Raises LedgerUnavailable only.
        """
        attempts, health = self._prepared(batch, probing)
        if not attempts:
            return health
        with self.slots:
            # One of the other batches may have found out meanwhile that the account is away.
            attempts = self._still_wanted(attempts, probing)
            attempts, started = self._begun(attempts), time.monotonic()
            outcomes = self._outcomes(attempts)
        return self._concluded(attempts, outcomes, started, probing) if attempts else health

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
        return self._is_away(lane_of(delivery.kind), probing)

    def _still_wanted(self, prepared: Sequence[Attempt], probing: bool) -> list[Attempt]:
        held = [attempt.delivery for attempt in prepared if self._is_away(attempt.lane, probing)]
        if held:
            self.queue.release(held)
        return [attempt for attempt in prepared if attempt.delivery not in held]

    def _is_away(self, lane: Lane, probing: bool) -> bool:
        return not probing and self.retries.gates.is_away(lane)

    def _begun(self, prepared: Sequence[Attempt]) -> list[Attempt]:
        """Those that may be sent now: on the ledger's disk each is *unknown* from here on."""
        if not prepared:
            return []
        asked = self.jumps.monotonic()
        started = self.queue.begin([(attempt.delivery, attempt.sent_as) for attempt in prepared])
        held_up = self.jumps.monotonic() - asked
        for attempt, one in zip(prepared, started, strict=True):
            attempt.begin(one, held_up)
        self._finish([attempt for attempt in prepared if attempt.stage is AttemptStage.ENDED])
        return [attempt for attempt in prepared if attempt.stage is AttemptStage.BEGUN]

    def _outcomes(self, begun: Sequence[Attempt]) -> Sequence[Outcome]:
        if not begun:
            return []
        try:
            return self.preparer.send([attempt.outgoing for attempt in begun if attempt.outgoing is not None])
        except Exception as error:
            for attempt in begun:
                _LOG.exception("delivery.fault", delivery=attempt.delivery.id, call=attempt.delivery.call_id)
            return [Unknown(named_fault(error), code=FAULT)] * len(begun)

    def _concluded(
        self, begun: Sequence[Attempt], outcomes: Sequence[Outcome], started: float, probing: bool
    ) -> Health:
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
        said = [(attempt.delivery.id, attempt.lane, attempt.said) for attempt in begun]
        self.retries.gates.report_exchange(said, probing=probing)
        return of_batch([verdict for _, _, verdict in said]).health

    def _finish(self, ended: Sequence[Attempt]) -> None:
        """Write endings to the ledger, and the log."""
        entries = [(attempt.delivery, attempt.ending, attempt.steps) for attempt in ended if attempt.ending is not None]
        if entries:
            for attempt, written in zip(ended, self.queue.finish(entries), strict=True):
                attempt.finish(written)
