"""The delivery loop: takes what is due from the ledger and hands it to a few threads until it is told to stop.

Any number of workers may run on one ledger; none of them ever dies of a delivery, the CRM or the ledger.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random
from typing import TYPE_CHECKING

import structlog

from connectors.base import Connector
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.config.settings import Settings
from plugin.delivery.attempt import DeliveryServices
from plugin.delivery.batching import bundled
from plugin.delivery.cards import CardCache
from plugin.delivery.clock_jumps import ClockJumps, Monotonic
from plugin.delivery.dispatcher import Dispatcher
from plugin.delivery.fair_order import PERHAPS_SENT
from plugin.delivery.model import Delivery
from plugin.delivery.prepare import Preparer
from plugin.delivery.queue import Queue
from plugin.delivery.reconcile import Reconciler
from plugin.delivery.withdrawals import Withdrawals
from plugin.errors import LedgerUnavailable
from plugin.events.unfinished import remind_of_unfinished
from plugin.ledger import Ledger
from plugin.operations.retention import DailyPurge
from plugin.resilience.backoff import Timing, Waits
from plugin.resilience.gates import AccountGates
from plugin.resilience.health import Health
from plugin.resilience.lanes import Lane

if TYPE_CHECKING:
    from connectors.smtp.mailer import Mailer
    from plugin.deciding.ruleset import Role

_LOG = structlog.get_logger(__name__)

#: What is on its way or waits for a free thread, by what it ends with.
InHand = dict[Future[None], list[Delivery]]

#: How soon a stop is noticed while nothing happens, in seconds.
_NOTICE = 0.2
#: By less than this, in seconds, a clock may be set back without anything being waited for too long.
_SET_BACK = 60.0


class Worker:
    """One process's share of the deliveries of a ledger.

    ``owner`` must name this start of this process and no other (host, process id and something random): leases are
    told apart by it. ``random`` varies the waits. ``steady`` are seconds that no setting of the clock changes.
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
        random: Random,
        *,
        steady: Monotonic = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._settings = settings
        self._now = now
        timing = Timing.of(
            connector.limits(), mailer.total_seconds if mailer else 0.0, settings.delivery.lease_margin_seconds
        )
        cards = CardCache(ledger, connector)
        withdrawals = Withdrawals(ledger, connector, cards)
        sender = settings.smtp.sender if settings.smtp else None
        policy = settings.delivery
        self._queue = Queue(ledger, now, owner, timing.lease)
        self._gates = AccountGates(ledger, connector, policy, self._queue.now)
        desk = Preparer(
            connector,
            cards,
            withdrawals,
            mailer=mailer,
            sender=sender,
            roles=self._roles,
            crm_away=lambda: self._gates.is_away(Lane.CRM),
        )
        settler = Reconciler(connector, withdrawals, timing)
        waits, moment = Waits.of(policy), self._queue.now
        self._jumps = ClockJumps(moment, steady, timing.lease)
        self._courier = Dispatcher(
            DeliveryServices(
                self._queue,
                desk,
                settler,
                self._gates,
                timing,
                waits,
                policy.most_faults,
                moment,
                steady,
                self._jumps,
                random,
                threading.BoundedSemaphore(policy.threads),
            )
        )
        # At the start it is not known how the clock went before: what no wait can have come to is put right.
        self._put_right: float | None = max(policy.longest_wait_seconds, policy.longest_retry_after_seconds) * 2
        self._daily_purge = DailyPurge(ledger, settings, now)
        # Alerts look at deliveries, so the package that holds them cannot be imported before this one.
        from plugin.monitoring import AlertWatch  # noqa: PLC0415

        self._watch = AlertWatch(ledger, rules, mailer, settings, self._gates, now, owner, random)
        # A connector that writes many at once is handed bundles, of claims so large that few of those stay half empty.
        self._most = connector.most_writes
        self._at_once = policy.batch if self._most == 1 else max(policy.batch, 4 * self._most)
        self._wake = threading.Event()
        self._ledger_gone = False
        self._sweep_broken = False

    def wake(self) -> None:
        """Look for work now instead of at the next poll; for whoever just put some into the ledger."""
        self._wake.set()

    def run_once(self) -> int:
        """Claim what is due now, at most one batch, handle all of it and return how many. Raises LedgerUnavailable.

        An account that is away is probed where it is time to.
        """
        self._sweep()
        self._look_at_the_clock()
        self._gates.refresh()
        probed = sum(self._probe(lane) for lane in self._gates.take_probes())
        claimed = self._claim(self._at_once, self._gates.open_lanes(), company=True)
        if claimed:
            with self._pool() as pool:
                for future in [pool.submit(self._handle, bundle) for bundle in bundled(claimed, self._most)]:
                    future.result()
        return probed + len(claimed)

    def run(self, stop: threading.Event) -> None:
        """Deliver until ``stop`` is set; then finish what has been begun and give back what has not."""
        in_hand: InHand = {}
        pool = self._pool()
        ended = threading.Event()
        watching = threading.Thread(target=self._keep_watch, args=(stop, ended), name="alerts", daemon=True)
        watching.start()
        try:
            while not stop.is_set():
                self._pause(stop, self._turn(pool, in_hand))
        finally:
            ended.set()
            self._leave(pool, in_hand)
            watching.join()

    def _roles(self) -> Mapping[str, Role]:
        return self._rules.current().roles

    def _pool(self) -> ThreadPoolExecutor:
        # A few more than may be on their way at once: while they write down how theirs ended, others send.
        threads = self._settings.delivery.threads
        return ThreadPoolExecutor(threads + threads // 4, thread_name_prefix="delivery")

    def _turn(self, pool: ThreadPoolExecutor, in_hand: InHand) -> float:
        """Take on as much as there is room for; returns the seconds to wait before the next turn."""
        # Before looking, so that what arrives while looking wakes the loop again.
        self._wake.clear()
        for future in [future for future in in_hand if future.done()]:
            del in_hand[future]
        policy = self._settings.delivery
        # One batch may wait for a free thread, so that no thread waits for the ledger; topped up by half batches.
        room = policy.threads * self._most + self._at_once - sum(len(bundle) for bundle in in_hand.values())
        enough = max(1, policy.batch // 2) if self._most == 1 else self._at_once
        try:
            self._look_at_the_clock()
            self._gates.refresh()
            for lane in self._gates.take_probes():
                pool.submit(self._probe, lane)
            if room < enough:
                return policy.poll_seconds
            self._sweep()
            claimed = self._claim(min(room, self._at_once), self._gates.open_lanes(), company=True)
        except LedgerUnavailable as error:
            self._tell_ledger(error)
            return max(policy.poll_seconds, float(error.retry_after))
        except Exception:
            _LOG.exception("delivery.loop_fault")
            return policy.poll_seconds
        self._tell_ledger(None)
        for bundle in bundled(claimed, self._most):
            future = pool.submit(self._handle, bundle)
            in_hand[future] = bundle
            future.add_done_callback(lambda _: self._wake.set())
        return 0.0 if len(claimed) >= self._at_once else policy.poll_seconds

    def _handle(self, bundle: Sequence[Delivery]) -> None:
        try:
            self._courier.handle(bundle)
        except LedgerUnavailable as error:
            # The leases run out, and then they are settled by a look-up like after a crash.
            self._tell_ledger(error)
        except Exception:
            _LOG.exception("delivery.fault", delivery=bundle[0].id, call=bundle[0].call_id)

    def _claim(self, limit: int, lanes: Sequence[Lane], *, company: bool = False) -> list[Delivery]:
        most = self._most if company and self._most > 1 else 0
        return self._queue.claim(limit, lanes, PERHAPS_SENT if self._jumps.is_careful else (), company=most)

    def _look_at_the_clock(self) -> None:
        if self._jumps.look() < -_SET_BACK:
            self._put_right = 0.0
        if self._put_right is not None:
            self._queue.put_right(self._put_right)
            self._put_right = None

    def _probe(self, lane: Lane) -> int:
        """Find out whether the lane's account is back; as soon as it is, the rest goes out."""
        try:
            return self._gates.probe(lane, lambda: self._probe_with_one(lane))
        except LedgerUnavailable as error:
            self._tell_ledger(error)
        except Exception:
            _LOG.exception("delivery.probe_fault", lane=str(lane))
        finally:
            self._wake.set()
        return 0

    def _probe_with_one(self, lane: Lane) -> Health | None:
        claimed = self._claim(1, [lane])
        return self._courier.handle(claimed, probing=True) if claimed else None

    def _keep_watch(self, stop: threading.Event, ended: threading.Event) -> None:
        """Alerts have a thread of their own: a slow mail server must not hold up deliveries."""

        def stopped() -> bool:
            return stop.is_set() or ended.is_set()

        while not stopped():
            if not self._watch.is_due():
                self._purge_some()
                stop.wait(_NOTICE)
                continue
            try:
                self._watch.run(stopped)
            except LedgerUnavailable as error:
                self._tell_ledger(error)

    def _purge_some(self) -> None:
        """One small transaction of the daily purge, if its time has come."""
        try:
            self._daily_purge.step()
        except LedgerUnavailable as error:
            self._tell_ledger(error)
        except Exception:
            _LOG.exception("purge.fault")

    def _sweep(self) -> None:
        """Reminders for calls that never ended. Trouble with them does not hold up deliveries."""
        try:
            remind_of_unfinished(self._ledger, self._rules, self._settings, self._now)
        except LedgerUnavailable:
            raise
        except Exception:
            if not self._sweep_broken:
                _LOG.exception("unfinished.fault")
            self._sweep_broken = True
        else:
            self._sweep_broken = False

    def _tell_ledger(self, error: LedgerUnavailable | None) -> None:
        """Log that the ledger went away, once, and its return, once."""
        if error is not None and not self._ledger_gone:
            _LOG.error("ledger.unavailable", why=error.message)
        elif error is None and self._ledger_gone:
            _LOG.info("ledger.available")
        self._ledger_gone = error is not None

    def _pause(self, stop: threading.Event, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not stop.is_set() and (left := until - time.monotonic()) > 0:
            if self._wake.wait(min(left, _NOTICE)):
                return

    def _leave(self, pool: ThreadPoolExecutor, in_hand: InHand) -> None:
        unstarted = [delivery for future, bundle in in_hand.items() if future.cancel() for delivery in bundle]
        try:
            self._queue.release(unstarted)
        except LedgerUnavailable as error:
            _LOG.warning("delivery.not_released", why=error.message, count=len(unstarted))
        pool.shutdown(wait=True)
