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
from plugin.delivery.prepare import CardsRead, Preparer
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
        """Take leased deliveries of one lane as far as they get now; what that said about the account.

        Several are all of a kind that the connector writes together. Given back at once while the account is away,
        unless it is ``probing``, and while the clock cannot be trusted about when they were sent.
        Raises LedgerUnavailable only.
        """
        lane = lane_of(batch[0].kind)
        attempts, health = self._prepared(batch, lane, probing)
        if not attempts:
            return health
        with self.slots:
            if self._is_away(lane, probing):
                # One of the other batches has found that out meanwhile.
                self.queue.release([attempt.delivery for attempt in attempts])
                return health
            attempts, started = self._begun(attempts), time.monotonic()
            outcomes = self._outcomes(attempts)
        return self._concluded(attempts, outcomes, started, lane, probing) if attempts else health

    def _prepared(self, batch: Sequence[Delivery], lane: Lane, probing: bool) -> tuple[list[Attempt], Health]:
        """Attempts that are ready to go; the others have ended, or are given back: they would have to wait too long."""
        prepared, given_back, health = list[Attempt](), list[Delivery](), Health.NO_SIGNAL
        cards_read: CardsRead = {}
        started = self.jumps.monotonic()
        for delivery in batch:
            # The first one has all the time that a look-up or a card takes.
            is_late = self.jumps.monotonic() - started > self.retries.timing.request
            if is_late or self._has_to_wait(delivery, lane, probing):
                given_back.append(delivery)
                continue
            attempt = Attempt(delivery, self.queue, self.preparer, self.reconciler, self.retries, cards_read)
            attempt.prepare()
            if attempt.stage is AttemptStage.PREPARED:
                prepared.append(attempt)
                continue
            self._finish([attempt])
            self.retries.gates.report(lane, delivery.id, attempt.verdict, probing=probing)
            health = attempt.verdict.health
        if given_back:
            self.queue.release(given_back)
        return prepared, health

    def _has_to_wait(self, delivery: Delivery, lane: Lane, probing: bool) -> bool:
        if delivery.sent_at is not None:
            self.jumps.look()
            if self.jumps.distrusts_clock:
                return True
        return self._is_away(lane, probing)

    def _is_away(self, lane: Lane, probing: bool) -> bool:
        return not probing and self.retries.gates.is_away(lane)

    def _begun(self, prepared: Sequence[Attempt]) -> list[Attempt]:
        """Those that may be sent now: on the ledger's disk each is *unknown* from here on."""
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
        self, begun: Sequence[Attempt], outcomes: Sequence[Outcome], started: float, lane: Lane, probing: bool
    ) -> Health:
        answered = list(zip(begun, outcomes, strict=True))
        quick = [(attempt, outcome) for attempt, outcome in answered if not looks_on(outcome)]
        for attempt, outcome in quick:
            attempt.conclude(outcome, started)
        self._finish([attempt for attempt, _ in quick])
        # Those that need another look at the CRM must not hold up the others.
        for attempt, outcome in answered:
            if looks_on(outcome):
                attempt.conclude(outcome, started)
                self._finish([attempt])
        verdict = of_batch([attempt.verdict for attempt in begun])
        said_by = next((attempt for attempt in begun if attempt.verdict == verdict), begun[0])
        self.retries.gates.report(lane, said_by.delivery.id, verdict, probing=probing)
        return verdict.health

    def _finish(self, ended: Sequence[Attempt]) -> None:
        """Write endings to the ledger, and the log."""
        entries = [(attempt.delivery, attempt.ending, attempt.steps) for attempt in ended if attempt.ending is not None]
        if entries:
            for attempt, written in zip(ended, self.queue.finish(entries), strict=True):
                attempt.finish(written)
