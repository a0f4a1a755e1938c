"""The delivery loop: takes what is due from the ledger and hands it to a few threads until it is told to stop.

Any number of workers may run on one ledger; none of them ever dies of a delivery, the CRM or the ledger.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import structlog

from connectors.base import Connector
from plugin.auth.done_links import DoneLinks
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.common.slots import Slots
from plugin.config.settings import Settings
from plugin.delivery.attempt import WAITS_FOR_CARD
from plugin.delivery.batching import batches
from plugin.delivery.card_reader import CardReader
from plugin.delivery.cards import CardFinder
from plugin.delivery.claims import Claims
from plugin.delivery.clock_jumps import ClockJumps, Monotonic
from plugin.delivery.corrections import Corrections
from plugin.delivery.dispatcher import Dispatcher
from plugin.delivery.mail_threads import MailThreads
from plugin.delivery.model import Delivery
from plugin.delivery.own_reminder import DoneLines
from plugin.delivery.prepare import Preparer
from plugin.delivery.queue import Queue
from plugin.delivery.reconcile import Reconciler
from plugin.delivery.retry import RetryPolicy
from plugin.delivery.withdrawals import Withdrawals
from plugin.errors import LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.outage_log import OutageLog
from plugin.ledger.states import PERHAPS_SENT
from plugin.resilience.backoff import Timing
from plugin.resilience.gates import AccountGates
from plugin.resilience.health import Health
from plugin.resilience.lanes import Lane
from plugin.resilience.reads import CrmReads

if TYPE_CHECKING:
    from connectors.smtp import Mailer

_LOG = structlog.get_logger(__name__)

#: What is on its way or waits for a free thread, by what it ends with.
_InHand = dict[Future[None], list[Delivery]]

#: So long is held what was claimed and has not been begun, unless the process lives to renew it: what a killed one had
#: not begun goes out soon, however long the CRM's time-outs are. Seconds.
CLAIM_SECONDS = 10.0
#: How soon a stop is noticed while nothing happens, in seconds.
_NOTICE = 0.2
#: So many threads are kept busy by one ``[delivery] batch``.
_THREADS_A_BATCH = 5
#: How often the ledger is looked into while something is on its way, and the accounts' breakers at most; seconds.
_LOOKS = 0.25
#: Claims that follow one another faster than this are made larger, slower than this smaller again (seconds); and up to
#: how many times as large.
_SHORT_CLAIM, _LONG_CLAIM, _MOST_TIMES = 0.25, 1.0, 4
#: By less than this, in seconds, a clock may be set back without anything being waited for too long.
_SET_BACK = 60.0


class Worker:
    """One process's share of the deliveries of a ledger.

    ``owner`` must name this start of this process and no other (host, process id and something random): leases are
    told apart by it. ``rng`` varies the waits. ``monotonic`` are seconds that no setting of the clock changes;
    ``claim_seconds``, how long what has not been begun is held without a sign of life.
    ``gates`` and ``outages`` are what it finds out about the accounts and the ledger, for the process's other loops.
    """

    def __init__(
        self,
        ledger: Ledger,
        rules: ActiveRules,
        connector: Connector,
        mailer: Mailer | None,
        settings: Settings,
        now: Now,
        owner: str,
        rng: Random,
        *,
        monotonic: Monotonic = time.monotonic,
        claim_seconds: float = CLAIM_SECONDS,
    ) -> None:
        self._policy = policy = settings.delivery
        timing = Timing.of(connector.limits(), mailer.total_seconds if mailer else 0.0, policy.lease_margin_seconds)
        self._queue = Queue(ledger, now, owner, timing.lease, min(claim_seconds, timing.lease))
        self._claims = Claims(self._queue, monotonic, claim_seconds, timing.lease)
        self.outages = OutageLog()
        self.gates = AccountGates(ledger, connector, policy, self._queue.now)
        self._jumps = ClockJumps(self._queue.now, monotonic, timing.lease)
        self.gates.on_back = self._wake_what_waited
        reads = CrmReads(connector, self.gates)
        cards = CardFinder(ledger, reads, monotonic)
        withdrawals = Withdrawals(ledger, reads, cards)
        self._preparer = preparer = Preparer(
            connector,
            cards,
            CardReader(reads, connector.most_cards, monotonic),
            withdrawals,
            Corrections(ledger, reads),
            MailThreads(ledger),
            mailer=mailer,
            sender=settings.smtp.sender if settings.smtp else None,
            roles=lambda: rules.current().roles,
            without_card=timedelta(hours=policy.mail_without_card_hours),
            now=self._queue.now,
            zone=settings.timezone,
            done_lines=DoneLines(ledger, DoneLinks.of(settings.page, settings.web.path)),
        )
        self._slots, self._room = Slots(policy.threads), Slots(policy.threads + _ahead(policy.threads))
        self._leaving = threading.Event()
        self._dispatcher = Dispatcher(
            self._queue,
            preparer,
            Reconciler(reads, withdrawals, timing),
            RetryPolicy(policy, timing, self.gates, rng),
            self._jumps,
            self._slots,
            self._room,
            self._leaving,
        )
        # At the start it is not known how the clock went before: waits longer than any can be are repaired.
        self._repair: float | None = max(policy.longest_wait_seconds, policy.longest_retry_after_seconds) * 2
        # A connector that writes many at once gets batches, of claims so large that few of those stay half empty.
        self._batch_limit = connector.most_writes
        by_threads = policy.batch * max(1, policy.threads // _THREADS_A_BATCH)
        self._claim_limit = by_threads if self._batch_limit == 1 else max(policy.batch, 4 * self._batch_limit)
        # One claim may wait for free threads, so that no thread waits for the ledger; topped up by half claims, or by
        # whole ones where batches are to be full.
        self._least_claim = self._claim_limit
        self._claimed_at = float("-inf")
        self._in_hand = 0
        self._counting = threading.Lock()
        self._more_is_due = False
        self._refreshed_at = float("-inf")
        self._wake = threading.Event()

    def wake(self) -> None:
        """Look for work now instead of at the next poll: some was just put into the ledger."""
        self._wake.set()

    def run_once(self) -> int:
        """Claim what is due now, at most one batch, deliver all of it and return how many. Raises LedgerUnavailable.

        An account that is away is probed where it is time to.
        """
        self._look_at_the_clock()
        self.gates.refresh()
        probed = sum(self._probe(lane) for lane in self.gates.take_probes())
        claimed = self._claim(self._claim_limit)
        if claimed:
            with self._pool() as pool:
                for future in [pool.submit(self._dispatch, batch) for batch in batches(claimed, self._batch_limit)]:
                    future.result()
        return probed + len(claimed)

    def run(self, stop: threading.Event) -> None:
        """Deliver until ``stop`` is set; then finish what is on its way and give back the rest."""
        self._leaving.clear()
        in_hand: _InHand = {}
        pool = self._pool()
        try:
            while not stop.is_set():
                wait = self._turn(pool, in_hand)
                self._pause(stop, min(wait, _LOOKS) if in_hand else wait)
        finally:
            self._leave(pool, in_hand)

    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_pool_size(self._policy.threads), thread_name_prefix="delivery")

    def _turn(self, pool: ThreadPoolExecutor, in_hand: _InHand) -> float:
        """Take on as much as there is room for; returns the seconds to wait before the next turn."""
        # Before looking, so that what arrives while looking wakes the loop again.
        self._wake.clear()
        for future in [future for future in in_hand if future.done()]:
            del in_hand[future]
        policy = self._policy
        try:
            self._look_at_the_clock()
            self._claims.renew(in_hand.values())
            self._look_at_the_accounts(pool)
            room = self._most_in_hand - self._in_hand
            if room < self._enough:
                return policy.poll_seconds
            claimed = self._claim(min(room, self._claim_limit))
            self._more_is_due = len(claimed) >= min(room, self._claim_limit)
            self._fit_claims()
        except LedgerUnavailable as error:
            self.outages.failed(error)
            return max(policy.poll_seconds, float(error.retry_after))
        except Exception:
            _LOG.exception("delivery.loop_fault")
            return policy.poll_seconds
        self.outages.answered()
        with self._counting:
            self._in_hand += len(claimed)
        for batch in batches(claimed, self._batch_limit):
            future = pool.submit(self._dispatch, batch)
            in_hand[future] = batch
            future.add_done_callback(partial(self._done, len(batch)))
        return 0.0 if len(claimed) >= self._claim_limit else policy.poll_seconds

    @property
    def _most_in_hand(self) -> int:
        return self._policy.threads * self._batch_limit + self._claim_limit

    @property
    def _enough(self) -> int:
        """For so many free places one more claim is worth its while."""
        return max(1, self._claim_limit // 2) if self._batch_limit == 1 else self._claim_limit

    def _fit_claims(self) -> None:
        """Claims grow where one lasts for moments only, so that a fast CRM costs few, and shrink again for a slow one:
        nothing new waits long behind what is in hand.
        """
        now = time.monotonic()
        lasted, self._claimed_at = now - self._claimed_at, now
        if self._more_is_due and lasted < _SHORT_CLAIM and self._batch_limit == 1:
            self._claim_limit = min(self._claim_limit * 2, self._least_claim * _MOST_TIMES)
        elif lasted > _LONG_CLAIM:
            self._claim_limit = max(self._claim_limit // 2, self._least_claim)

    def _done(self, count: int, _: Future[None]) -> None:
        """A batch has ended: the loop is woken for a whole lot of them, not for each."""
        with self._counting:
            self._in_hand -= count
            left = self._in_hand
        if not left or (self._more_is_due and self._most_in_hand - left >= self._enough):
            self._wake.set()

    def _look_at_the_accounts(self, pool: ThreadPoolExecutor) -> None:
        """Hear of what other processes found out, and probe what it is time to; a few times a second at most."""
        if time.monotonic() - self._refreshed_at < min(_LOOKS, self._policy.poll_seconds):
            return
        self.gates.refresh()
        self._refreshed_at = time.monotonic()
        for lane in self.gates.take_probes():
            pool.submit(self._probe, lane)

    def _dispatch(self, batch: Sequence[Delivery]) -> None:
        try:
            self._dispatcher.dispatch(batch)
        except LedgerUnavailable as error:
            # The leases run out, and then a look-up reconciles them like after a crash.
            self.outages.failed(error)
        except Exception:
            _LOG.exception("delivery.fault", delivery=batch[0].id, call=batch[0].call_id)

    def _claim(self, limit: int, lane: Lane | None = None) -> list[Delivery]:
        """Deliveries of the lanes that are open, with their batch mates, or of the one lane that is probed, alone."""
        held = PERHAPS_SENT if self._jumps.distrusts_clock else ()
        if lane is not None:
            # One that may be at fault itself tells little; where there is no other, it has to do.
            suspects = self.gates.suspects(lane)
            found = self._queue.claim(limit, [lane], held, without=suspects) if suspects else []
            return found or self._queue.claim(limit, [lane], held)
        mates = self._batch_limit if self._batch_limit > 1 else 0
        claimed = self._queue.claim(limit, self.gates.open_lanes(), held, batch_mates=mates)
        self._preparer.expect(claimed)
        return claimed

    def _wake_what_waited(self, lane: Lane) -> None:
        if lane is Lane.CRM:
            self._queue.wake(WAITS_FOR_CARD)

    def _look_at_the_clock(self) -> None:
        if self._jumps.look() < -_SET_BACK:
            self._repair = 0.0
        if self._repair is not None:
            self._queue.repair_due_times(self._repair)
            self._repair = None

    def _probe(self, lane: Lane) -> int:
        """Find out whether the lane's account is back; as soon as it is, the rest goes out."""
        try:
            return self.gates.probe(lane, lambda: self._probe_with_one(lane))
        except LedgerUnavailable as error:
            self.outages.failed(error)
        except Exception:
            _LOG.exception("delivery.probe_fault", lane=str(lane))
        finally:
            self._wake.set()
        return 0

    def _probe_with_one(self, lane: Lane) -> Health | None:
        claimed = self._claim(1, lane)
        return self._dispatcher.dispatch(claimed, probing=True) if claimed else None

    def _pause(self, stop: threading.Event, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not stop.is_set() and (left := until - time.monotonic()) > 0:
            if self._wake.wait(min(left, _NOTICE)):
                return

    def _leave(self, pool: ThreadPoolExecutor, in_hand: _InHand) -> None:
        unstarted = [delivery for future, batch in in_hand.items() if future.cancel() for delivery in batch]
        try:
            self._queue.release(unstarted)
        except LedgerUnavailable as error:
            _LOG.warning("delivery.not_released", why=error.message, count=len(unstarted))
        # Whoever waits for a place goes on, and gives back what it has.
        self._leaving.set()
        places, more = (self._room, self._slots), _pool_size(self._policy.threads)
        for slots in places:
            slots.add(more)
        pool.shutdown(wait=True)
        for slots in places:
            slots.take_away(more)


def _ahead(threads: int) -> int:
    """How many may have been begun and wait to be sent, so that the ledger's disk holds up no thread that sends."""
    return 1 + threads // 4


def _pool_size(threads: int) -> int:
    # More than may be on their way at once: while they make ready and write down how theirs ended, others send.
    return threads + 2 * _ahead(threads)
