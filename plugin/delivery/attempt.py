"""One attempt at one delivery: claimed → prepared → begun → written, unknown or not written → ended → finished.

What an earlier attempt may have written is reconciled with the CRM first. Whatever goes wrong is an ending, not an
exception; only LedgerUnavailable gets out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import Literal

import structlog

from connectors.base import MISFIT, CardRef, CrmRefused, CrmUnavailable, Done, NotDone, Outcome, Unknown
from plugin.delivery.cards import named
from plugin.delivery.model import SAYS_NOTHING, AttemptStep, Delivery, DeliveryEnding, SentAs, StepOutcome
from plugin.delivery.prepare import CardGoneError, NothingToDoError, Outgoing, Preparer, UnsendableError
from plugin.delivery.queue import Begun, Queue, Started, unsent_state
from plugin.delivery.reconcile import Reconciler
from plugin.delivery.retry import RetryPolicy
from plugin.delivery.withdrawals import NEVER_WRITTEN
from plugin.errors import LedgerUnavailable, OptoutError
from plugin.ledger.states import MAILS, ON_CARDS, DeliveryState
from plugin.resilience.health import (
    ANSWERS,
    BAD_SPELL,
    FAULT,
    KNOWN_AWAY,
    NO_SIGNAL,
    REFUSED,
    is_login_refused,
    of_mail,
    of_read,
    of_write,
)
from plugin.resilience.lanes import TO_CRM, Lane, lane_of

_LOG = structlog.get_logger(__name__)

#: How the reason of a mail begins that waits until its card can be read; by it the queue wakes them.
WAITS_FOR_CARD = "waits for the card"
_CORRECTED = "a correction came before it went out"
_PERHAPS_SENT = "a correction came; the mail may have gone out already"
_GIVEN_BACK = "given back before it was sent"
#: What a CRM answers about a card that it does not have (any more).
_GONE = frozenset({404, 410})


class AttemptStage(Enum):
    """How far an attempt got. ``LOST``: another process has the delivery now. ``HELD``: the CRM is away by now, so that
    it is given back as if nothing had been tried.
    """

    CLAIMED = "claimed"
    HELD = "held"
    PREPARED = "prepared"
    BEGUN = "begun"
    LOST = "lost"
    ENDED = "ended"
    FINISHED = "finished"


class Attempt:
    """One attempt at a claimed delivery. ``delivery.sent_at`` always says whether the CRM may hold it by now.

    ``outgoing`` is set once it is prepared, ``ending`` once it is ended; ``verdict`` is what the last exchange said
    about the lane's account, and ``said`` what the sending itself said.
    """

    def __init__(
        self,
        delivery: Delivery,
        queue: Queue,
        preparer: Preparer,
        reconciler: Reconciler,
        retries: RetryPolicy,
    ) -> None:
        self.delivery = delivery
        self.stage = AttemptStage.CLAIMED
        self.outgoing: Outgoing | None = None
        self.ending: DeliveryEnding | None = None
        self.steps: list[AttemptStep] = []
        self.verdict = self.said = NO_SIGNAL
        self.lane = lane_of(delivery.kind)
        self._queue = queue
        self._preparer = preparer
        self._reconciler = reconciler
        self._retries = retries
        self._sent_before: datetime | None = None

    # --- transitions ---------------------------------------------------------------------------------

    def prepare(self) -> None:
        """From claimed to prepared, held or ended. Raises LedgerUnavailable."""
        with self._faults_end_it():
            sent_at = self.delivery.sent_at
            ending = self._reconcile(sent_at) if sent_at is not None else None
            if ending is None and self.delivery.cancel:
                ending = DeliveryEnding(DeliveryState.CANCELLED, why=_CORRECTED)
            ending_or_ready = ending or self._make_ready()
            if self.stage is not AttemptStage.HELD:
                self._end(ending_or_ready)

    def begin(self, started: Started) -> None:
        """From prepared to begun, lost or ended."""
        before = self._sent_before = self.delivery.sent_at
        begun, sent_at, lease_until = started
        if begun is Begun.LOST:
            self.stage = AttemptStage.LOST
            _LOG.warning("delivery.lease_lost", delivery=self.delivery.id, call=self.delivery.call_id)
        elif begun is Begun.CANCELLED:
            why = _CORRECTED if before is None else _PERHAPS_SENT
            self._end(DeliveryEnding(DeliveryState.CANCELLED, why=why, sent_at=before))
        else:
            self.stage = AttemptStage.BEGUN
            self.delivery = replace(
                self.delivery, sent_at=sent_at, lease_until=lease_until, attempts=self.delivery.attempts + 1
            )

    def give_back(self) -> None:
        """From begun to ended, as if nothing had been tried."""
        before, attempts = self._sent_before, self.delivery.attempts - 1
        self._end(DeliveryEnding(unsent_state(before, attempts), why=_GIVEN_BACK, sent_at=before, attempts=-1))

    def look_at_lease(self, held_up: float) -> None:
        """From begun to ended where the lease has become too short; ``held_up`` seconds ago the ledger was asked."""
        timing, lease_left = self._retries.timing, (self.delivery.lease_until - self._queue.now()).total_seconds()
        if min(lease_left, timing.lease - held_up) < timing.needed:
            # Another process may soon take it for lost and look for it.
            self.delivery = replace(self.delivery, sent_at=self._sent_before)
            self._end(self._open_ending("held up too long to send it safely"))

    def hear(self, outcome: Outcome) -> None:
        """Note what the sending said of the lane's account."""
        self.verdict = self.said = of_mail(outcome) if self.lane is Lane.MAIL else of_write(outcome)

    def conclude(self, outcome: Outcome, started: float) -> None:
        """From begun to ended, once it has been heard; sent at ``started`` by ``time.monotonic``.

        Raises LedgerUnavailable.
        """
        match outcome:
            case Done():
                self._note("send", "done", started)
            case NotDone():
                code = REFUSED if outcome.at_fault == "either" else outcome.code
                self._note("send", "not_done", started, outcome.why, status=outcome.status, code=code)
            case Unknown():
                self._note("send", "unknown", started, outcome.why, status=outcome.status, code=outcome.code)
        with self._faults_end_it():
            self._end(self._ending_of(outcome))

    def finish(self, written: DeliveryEnding | None) -> None:
        """From ended to finished, ``written`` being what the ledger took; None: another process has the delivery."""
        assert self.ending is not None
        self.stage = AttemptStage.FINISHED
        log = _LOG.bind(delivery=self.delivery.id, call=self.delivery.call_id)
        if written is None:
            log.warning("delivery.lease_lost", ending=self.ending.state)
            return
        log = log.bind(kind=self.delivery.kind)
        match written.state:
            case DeliveryState.PARKED:
                log.error("delivery.parked", why=written.why)
            case DeliveryState.DONE | DeliveryState.CANCELLED:
                log.info(f"delivery.{written.state}", why=written.why)
            case _:
                log.info(f"delivery.{written.state}", why=written.why, wait=round(written.wait, 1))

    def _end(self, ending: DeliveryEnding | Outgoing) -> None:
        if isinstance(ending, Outgoing):
            self.stage, self.outgoing = AttemptStage.PREPARED, ending
        else:
            self.stage, self.ending = AttemptStage.ENDED, ending

    @contextmanager
    def _faults_end_it(self) -> Iterator[None]:
        """A fault in reading the CRM or in this code: logged whole, tried again a few times, then left to a human."""
        try:
            yield
        except LedgerUnavailable:
            raise
        except Exception as error:
            _LOG.exception("delivery.fault", delivery=self.delivery.id, call=self.delivery.call_id)
            why = named_fault(error)
            self._note("look_up", "unknown" if self.delivery.sent_at else "not_done", time.monotonic(), why, code=FAULT)
            self._end(self._after_fault(why, counts=True))

    @property
    def sent_as(self) -> SentAs:
        """How it goes out, once it is prepared."""
        return self.outgoing.sent_as if self.outgoing else SAYS_NOTHING

    # --- reconciling after an unknown ----------------------------------------------------------------

    def _reconcile(self, sent_at: datetime) -> DeliveryEnding | None:
        """Look for what may have been written; None: the CRM surely has it not, and it may be sent."""
        delivery, now = self.delivery, self._queue.now()
        if not self._reconciler.can_look(delivery):
            return self._cancelled_mail() if delivery.cancel else None
        early = self._reconciler.too_early(delivery, now)
        if early is not None:
            # A clock that was set back must not make it wait for the old time to come round again.
            since = min(sent_at, now)
            wait = min(early.total_seconds(), self._retries.timing.settling)
            return DeliveryEnding(DeliveryState.UNKNOWN, why="it may still be on its way", wait=wait, sent_at=since)
        return self._look_up()

    def _look_up(self) -> DeliveryEnding | None:
        delivery, started = self.delivery, time.monotonic()
        try:
            if delivery.kind in ON_CARDS and delivery.place is None:
                # It was sent by a ledger that was lost; the one that was restored does not know into which card.
                self.delivery = delivery = replace(delivery, place=self._preparer.place(delivery))
            remote_id = self._reconciler.find_remote(delivery)
        except CrmUnavailable as error:
            self._note_error(error, "unknown", started)
            return self._later(str(error), at_least=error.after, counts=True, mends=error.code == MISFIT)
        except CrmRefused as error:
            self._note_error(error, "unknown", started)
            if error.status in _GONE and delivery.kind in ON_CARDS and delivery.place and delivery.place.card:
                return self._relocate(delivery.place.card, str(error))
            # What cannot be looked for is unknown, not absent: a human finds out.
            return self._parked(f"the CRM does not let it be looked for: {error}", counts=True)
        self.verdict = ANSWERS
        self._note("look_up", "absent" if remote_id is None else "found", started)
        if remote_id is not None:
            return self._done(remote_id)
        if delivery.cancel and delivery.kind in MAILS:
            # Not every CRM lets its mails be found, so an absent one may have been read all the same.
            return self._cancelled_mail()
        self.delivery = replace(delivery, sent_at=None)
        return None

    # --- making ready, and what sending came to ------------------------------------------------------

    def _make_ready(self) -> Outgoing | DeliveryEnding:  # noqa: PLR0911 (one for each way it can go)
        """What is to be sent, or how it ends without. What was sent before (a mail) stays perhaps sent."""
        started = time.monotonic()
        try:
            return self._preparer.prepare(self.delivery)
        except NothingToDoError:
            return DeliveryEnding(DeliveryState.CANCELLED, why=NEVER_WRITTEN)
        except UnsendableError as error:
            return self._parked(str(error), counts=True)
        except CardGoneError as error:
            self.verdict = ANSWERS
            self._note("look_up", "not_done", started, str(error))
            return self._relocate(error.card, str(error))
        except (CrmUnavailable, CrmRefused) as error:
            self._note_error(error, "not_done", started)
            if isinstance(error, CrmRefused):
                return self._parked(str(error), counts=True)
            why = f"{WAITS_FOR_CARD}: {error}" if self.lane is Lane.MAIL else str(error)
            return self._later(why, at_least=error.after, counts=True, mends=error.code == MISFIT)
        except LedgerUnavailable:
            raise
        except OptoutError as error:
            # The rules, roles or settings are not fit for it just now; the promise waits until they are mended.
            self._note("look_up", "not_done", started, error.message, code=error.code)
            return self._later(error.message, counts=True, mends=True)

    def _ending_of(self, outcome: Outcome) -> DeliveryEnding:
        match outcome:
            case Done():
                return self._done(outcome.remote_id)
            case NotDone():
                self.delivery = replace(self.delivery, sent_at=self._sent_before)
                if not outcome.permanent or (self.lane is Lane.MAIL and is_login_refused(outcome)):
                    return self._not_now(outcome)
                card = self.sent_as.card
                if outcome.status in _GONE and card is not None:
                    return self._relocate(card, outcome.why)
                return self._parked(outcome.why)
            case Unknown():
                # The CRM's settling time counts from the moment the answer was given up.
                self.delivery = replace(self.delivery, sent_at=self._queue.now())
                settles_in = self._retries.timing.settling if self._reconciler.can_look(self.delivery) else None
                if outcome.code == FAULT:
                    return self._after_fault(outcome.why, at_least=settles_in)
                return self._later(outcome.why, at_least=settles_in)

    def _not_now(self, outcome: NotDone) -> DeliveryEnding:
        if outcome.at_fault == "either" and self._is_at_fault_itself():
            return self._parked(f"refused again and again, while others were accepted: {outcome.why}")
        return self._later(outcome.why, at_least=outcome.after, mends=outcome.code == MISFIT)

    def _relocate(self, gone: CardRef, why: str) -> DeliveryEnding:
        """Look for the card that the one that is gone was merged into; it goes there at once, or to a human."""
        started = time.monotonic()
        try:
            place = self._preparer.relocate(self.delivery, gone)
        except CrmUnavailable as error:
            self._note_error(error, "not_done", started)
            return self._later(str(error), at_least=error.after, mends=error.code == MISFIT)
        except CrmRefused as error:
            self._note("look_up", "not_done", started, str(error), status=error.status, code=error.code)
            return self._parked(f"{why}; {error}")
        if place.card is None:
            self._note("look_up", "absent", started, place.why)
            return self._parked(f"{why}; {place.why}")
        found = f"the card {named(gone)} is gone, {named(place.card)} has its phone number"
        self._note("look_up", "found", started, found)
        return self._open_ending(found)

    # --- endings -------------------------------------------------------------------------------------

    def _done(self, remote_id: str | None) -> DeliveryEnding:
        delivery, why = self.delivery, None
        place = delivery.place if delivery.kind in ON_CARDS else None
        if place is not None and place.card is not None and place.was is not None:
            why = f"written to {named(place.card)}: the card {named(place.was)} was gone"
        return DeliveryEnding(DeliveryState.DONE, why=why, remote_id=remote_id, sent_at=delivery.sent_at)

    def _cancelled_mail(self) -> DeliveryEnding:
        return DeliveryEnding(DeliveryState.CANCELLED, why=_PERHAPS_SENT, sent_at=self.delivery.sent_at)

    def _parked(self, why: str, *, counts: bool = False) -> DeliveryEnding:
        sent_at = self.delivery.sent_at
        return DeliveryEnding(DeliveryState.PARKED, why=why, sent_at=sent_at, attempts=int(counts))

    def _open_ending(self, why: str, wait: float = 0.0, *, counts: bool = False) -> DeliveryEnding:
        """Another attempt follows; *unknown* as long as an earlier one may have succeeded."""
        sent_at = self.delivery.sent_at
        state = DeliveryState.WAITING if sent_at is None else DeliveryState.UNKNOWN
        return DeliveryEnding(state, why=why, wait=wait, sent_at=sent_at, attempts=int(counts))

    def _later(
        self, why: str, *, at_least: float | None = None, counts: bool = False, mends: bool = False
    ) -> DeliveryEnding:
        attempts = self.delivery.attempts + counts
        wait = self._retries.wait(self.delivery, self.verdict, attempts, self._queue.now(), at_least)
        return replace(self._open_ending(why, wait, counts=counts), mends=mends)

    def _after_fault(self, why: str, *, at_least: float | None = None, counts: bool = False) -> DeliveryEnding:
        faults = self._queue.faults(self.delivery) + sum(step.code == FAULT for step in self.steps)
        most = self._retries.policy.most_faults
        if faults >= most:
            return self._parked(f"given up after {most} faults: {why}", counts=counts)
        return self._later(why, at_least=at_least, counts=counts)

    def _is_at_fault_itself(self) -> bool:
        """Whether this mail is what the server refuses (``plugin.resilience.health``)."""
        first, times = self._queue.refusals(self.delivery)
        long_enough = first is not None and self._queue.now() - first >= BAD_SPELL
        # Those in the ledger, and this one.
        return long_enough and times + 1 >= self._retries.policy.most_refusals

    # --- the log of attempts -------------------------------------------------------------------------

    def _note_error(self, error: CrmUnavailable | CrmRefused, outcome: StepOutcome, started: float) -> None:
        # The plugin's own mail says nothing about the CRM that it asked for a card.
        self.verdict = of_read(error) if self.lane in TO_CRM else NO_SIGNAL
        if isinstance(error, CrmUnavailable) and error.code == KNOWN_AWAY:
            # Nobody was asked.
            if self.lane in TO_CRM and self.stage is AttemptStage.CLAIMED:
                self.stage = AttemptStage.HELD
            return
        code = error.code if isinstance(error, CrmRefused) else None
        self._note("look_up", outcome, started, str(error), status=error.status, code=code)

    def _note(
        self,
        step: Literal["send", "look_up"],
        outcome: StepOutcome,
        started: float,
        why: str | None = None,
        *,
        status: int | None = None,
        code: str | None = None,
    ) -> None:
        seconds = round(time.monotonic() - started, 3)
        self.steps.append(AttemptStep(self._queue.now(), step, outcome, seconds, why, status, code))


def looks_on(outcome: Outcome) -> bool:
    """Whether the end of such an outcome may ask the CRM for something: a card that is gone is looked for."""
    return isinstance(outcome, NotDone) and outcome.permanent and outcome.status in _GONE


def named_fault(error: Exception) -> str:
    """The fault in words that may be kept."""
    # The message itself may hold anything, personal data included; it goes to the log only.
    return f"fault in the code: {type(error).__name__}"
