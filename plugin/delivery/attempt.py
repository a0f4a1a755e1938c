"""One handling of one delivery, from look-up to ending: what may be in the CRM is looked for, what is not is sent.

Whatever goes wrong is an ending, not an exception; only LedgerUnavailable gets out.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any, Literal

import structlog

from connectors.base import CardRef, CrmRefused, CrmUnavailable, Done, NotDone, Outcome, Unknown
from plugin.common.clock import Now
from plugin.delivery.cards import named
from plugin.delivery.clock_jumps import ClockJumps, Monotonic
from plugin.delivery.model import MAILS, ON_CARDS, AttemptStep, Delivery, DeliveryEnding
from plugin.delivery.prepare import CardGoneError, Known, NothingToDoError, Outgoing, Preparer, UnsendableError
from plugin.delivery.queue import Begun, Queue, Started
from plugin.delivery.reconcile import Reconciler
from plugin.delivery.withdrawals import NEVER_WRITTEN
from plugin.errors import LedgerUnavailable, OptoutError
from plugin.resilience.backoff import Timing, Waits
from plugin.resilience.gates import AccountGates
from plugin.resilience.health import ANSWERS, FAULT, NOTHING, Health, is_login_refused, of_mail, of_read, of_write
from plugin.resilience.lanes import Lane

_LOG = structlog.get_logger(__name__)

_CORRECTED = "a correction came before it went out"
_PERHAPS_SENT = "a correction came; the mail may have gone out already"
#: What a CRM answers about a card that it does not have (any more).
_GONE = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class DeliveryServices:
    """What handlings share. ``most_faults``: after so many faults in the code a delivery is left to a human.

    ``steady`` are seconds that no setting of the clock changes; ``slots`` bound how many are on their way at once.
    """

    queue: Queue
    desk: Preparer
    settler: Reconciler
    gates: AccountGates
    timing: Timing
    waits: Waits
    most_faults: int
    now: Now
    steady: Monotonic
    jumps: ClockJumps
    chance: Random
    slots: AbstractContextManager[Any]


class Attempt:
    """One handling of one delivery. ``delivery.sent_at`` always says whether the CRM may hold it by now.

    ``known`` are cards that were read just now. First ``prepare``; with a letter then ``begin`` what the queue has
    started, and once it is sent ``end``.
    """

    def __init__(self, tools: DeliveryServices, delivery: Delivery, lane: Lane, known: Known) -> None:
        self._tools = tools
        self._lane = lane
        self._known = known
        self._before: datetime | None = None
        self.delivery = delivery
        self.steps: list[AttemptStep] = []
        #: What the last exchange said about the lane's account.
        self.verdict = NOTHING

    def prepare(self) -> Outgoing | DeliveryEnding:
        """The letter to be sent, or how it ends without one. Raises LedgerUnavailable."""
        try:
            if self.delivery.sent_at is not None:
                ending = self._settle(self.delivery.sent_at)
                if ending is not None:
                    return ending
            if self.delivery.cancel:
                return DeliveryEnding("cancelled", why=_CORRECTED)
            return self._ready()
        except LedgerUnavailable:
            raise
        except Exception as error:
            return self._fault(error)

    def begin(self, started: Started, held_up: float) -> DeliveryEnding | Begun:
        """Whether it may be sent now, after ``held_up`` seconds since the ledger was asked to start it."""
        before = self._before = self.delivery.sent_at
        begun, sent_at, lease_until = started
        if begun is Begun.CANCELLED:
            return DeliveryEnding("cancelled", why=_CORRECTED if before is None else _PERHAPS_SENT, sent_at=before)
        if begun is Begun.YES:
            self.delivery = replace(
                self.delivery, sent_at=sent_at, lease_until=lease_until, attempts=self.delivery.attempts + 1
            )
            timing = self._tools.timing
            if min((lease_until - self._tools.now()).total_seconds(), timing.lease - held_up) < timing.needed:
                # Held up between the two lines: another process may soon take it for lost and look for it.
                why = "held up too long to send it safely"
                return DeliveryEnding("waiting" if before is None else "unknown", why=why, sent_at=before)
        return begun

    def end(self, letter: Outgoing, outcome: Outcome, started: float) -> DeliveryEnding:
        """What the outcome comes to; it was sent at ``started`` by ``time.monotonic``. Raises LedgerUnavailable."""
        self.verdict = of_mail(outcome) if self._lane is Lane.MAIL else of_write(outcome)
        match outcome:
            case Done():
                self._note("send", "done", started)
            case NotDone():
                self._note("send", "not_done", started, outcome.why, status=outcome.status, code=outcome.code)
            case Unknown():
                self._note("send", "unknown", started, outcome.why, status=outcome.status, code=outcome.code)
        try:
            return self._ended(outcome, self._before, letter.card)
        except LedgerUnavailable:
            raise
        except Exception as error:
            return self._fault(error)

    # --- after an unknown ----------------------------------------------------------------------------

    def _settle(self, sent_at: datetime) -> DeliveryEnding | None:
        """Look for what may have been written; None: the CRM surely has it not, and it may be sent."""
        delivery, settler, now = self.delivery, self._tools.settler, self._tools.now()
        if not settler.can_look(delivery):
            return DeliveryEnding("cancelled", why=_PERHAPS_SENT, sent_at=sent_at) if delivery.cancel else None
        early = settler.too_early(delivery, now)
        if early is not None:
            # A clock that was set back must not make it wait for the old time to come round again.
            since = min(sent_at, now)
            wait = min(early.total_seconds(), self._tools.timing.settling)
            return DeliveryEnding("unknown", why="it may still be on its way", wait=wait, sent_at=since)
        return self._look(sent_at)

    def _look(self, sent_at: datetime) -> DeliveryEnding | None:
        delivery, started = self.delivery, time.monotonic()
        try:
            remote_id = self._tools.settler.look(delivery)
        except CrmUnavailable as error:
            self._heard(error)
            self._note("look_up", "unknown", started, str(error), status=error.status)
            return self._later(str(error), at_least=error.after, in_vain=True)
        except CrmRefused as error:
            self._heard(error)
            self._note("look_up", "unknown", started, str(error), status=error.status, code=error.code)
            if error.status in _GONE and delivery.kind in ON_CARDS and delivery.place and delivery.place.card:
                return self._elsewhere(delivery.place.card, str(error))
            if delivery.kind not in MAILS:
                why = f"the CRM does not let it be looked for: {error}"
                return DeliveryEnding("parked", why=why, sent_at=sent_at, in_vain=True)
            # Better a mail twice than none.
            remote_id = None
        else:
            self.verdict = ANSWERS
            self._note("look_up", "absent" if remote_id is None else "found", started)
        if remote_id is not None:
            return DeliveryEnding("done", why=self._moved(), remote_id=remote_id, sent_at=sent_at)
        if delivery.cancel and delivery.kind in MAILS:
            # Not every CRM lets its mails be found, so an absent one may have been read all the same.
            return DeliveryEnding("cancelled", why=_PERHAPS_SENT, sent_at=sent_at)
        self.delivery = replace(delivery, sent_at=None)
        return None

    # --- sending ---------------------------------------------------------------------------------------

    def _ready(self) -> Outgoing | DeliveryEnding:  # noqa: PLR0911 (one for each way it can end)
        """The letter, or how it ends without one. What was sent before (a mail) stays perhaps sent."""
        started, sent_at = time.monotonic(), self.delivery.sent_at
        try:
            return self._tools.desk.ready(self.delivery, self._known)
        except NothingToDoError:
            return DeliveryEnding("cancelled", why=NEVER_WRITTEN)
        except UnsendableError as error:
            return DeliveryEnding("parked", why=str(error), sent_at=sent_at, in_vain=True)
        except CardGoneError as error:
            self.verdict = ANSWERS
            self._note("look_up", "not_done", started, str(error))
            return self._elsewhere(error.card, str(error))
        except CrmUnavailable as error:
            self._heard(error)
            self._note("look_up", "not_done", started, str(error), status=error.status)
            return self._later(str(error), at_least=error.after, in_vain=True)
        except CrmRefused as error:
            self._heard(error)
            self._note("look_up", "not_done", started, str(error), status=error.status, code=error.code)
            return DeliveryEnding("parked", why=str(error), sent_at=sent_at, in_vain=True)
        except LedgerUnavailable:
            raise
        except OptoutError as error:
            # The rules, roles or settings are not fit for it just now; the promise waits until somebody mends them.
            self._note("look_up", "not_done", started, error.message, code=error.code)
            return self._later(error.message, in_vain=True)

    def _ended(self, outcome: Outcome, before: datetime | None, card: CardRef | None) -> DeliveryEnding:
        match outcome:
            case Done():
                sent_at = self.delivery.sent_at
                return DeliveryEnding("done", why=self._moved(), remote_id=outcome.remote_id, sent_at=sent_at)
            case NotDone(permanent=True) if not (self._lane is Lane.MAIL and is_login_refused(outcome)):
                if outcome.status in _GONE and card is not None:
                    self.delivery = replace(self.delivery, sent_at=before)
                    return self._elsewhere(card, outcome.why)
                return DeliveryEnding("parked", why=outcome.why, sent_at=before)
            case NotDone():
                self.delivery = replace(self.delivery, sent_at=before)
                return self._later(outcome.why, at_least=outcome.after)
            case Unknown():
                # The CRM's settling time counts from the moment the answer was given up.
                self.delivery = replace(self.delivery, sent_at=self._tools.now())
                if outcome.code == FAULT and self._too_many_faults():
                    return self._given_up(outcome.why)
                can_look = self._tools.settler.can_look(self.delivery)
                settled_in = self._tools.timing.settling if can_look else None
                return self._later(outcome.why, at_least=settled_in)

    # --- a card that is gone ---------------------------------------------------------------------------

    def _elsewhere(self, gone: CardRef, why: str) -> DeliveryEnding:
        """Look for the card that the one that is gone was merged into; it goes there at once, or to a human."""
        delivery, started = self.delivery, time.monotonic()
        try:
            place = self._tools.desk.elsewhere(delivery, gone)
        except CrmUnavailable as error:
            self._heard(error)
            self._note("look_up", "not_done", started, str(error), status=error.status)
            return self._later(str(error), at_least=error.after)
        except CrmRefused as error:
            self._note("look_up", "not_done", started, str(error), status=error.status, code=error.code)
            return DeliveryEnding("parked", why=f"{why}; {error}", sent_at=delivery.sent_at)
        if place.card is None:
            self._note("look_up", "absent", started, place.why)
            return DeliveryEnding("parked", why=f"{why}; {place.why}", sent_at=delivery.sent_at)
        found = f"the card {named(gone)} is gone, {named(place.card)} has its phone number"
        self._note("look_up", "found", started, found)
        return DeliveryEnding("waiting" if delivery.sent_at is None else "unknown", why=found, sent_at=delivery.sent_at)

    def _moved(self) -> str | None:
        place = self.delivery.place
        if place is None or place.card is None or place.was is None or self.delivery.kind not in ON_CARDS:
            return None
        return f"written to {named(place.card)}: the card {named(place.was)} was gone"

    # --- waiting ---------------------------------------------------------------------------------------

    def _later(self, why: str, *, at_least: float | None = None, in_vain: bool = False) -> DeliveryEnding:
        """Another try after a while; *unknown* as long as an earlier one may have succeeded."""
        delivery, tools = self.delivery, self._tools
        time_left = delivery.deadline_at - tools.now()
        tries = delivery.attempts + in_vain
        # What only the account holds up is not to wait longer than the next probe: the breaker spares the account.
        held_up = self.verdict.word is Health.AWAY or (
            self.verdict.word is Health.DOUBTFUL and tools.gates.is_away(self._lane)
        )
        at_most = tools.gates.probe_seconds if held_up else None
        wait = tools.waits.after(tries, time_left, tools.chance, at_least=at_least, at_most=at_most)
        state: Literal["unknown", "waiting"] = "waiting" if delivery.sent_at is None else "unknown"
        return DeliveryEnding(state, why=why, wait=wait, sent_at=delivery.sent_at, in_vain=in_vain)

    def _fault(self, error: Exception) -> DeliveryEnding:
        """A fault in reading the CRM or in this code: logged whole, tried again a few times, then left to a human."""
        _LOG.exception("delivery.fault", delivery=self.delivery.id, call=self.delivery.call_id)
        outcome: Literal["unknown", "not_done"] = "unknown" if self.delivery.sent_at else "not_done"
        self._note("look_up", outcome, time.monotonic(), named_fault(error), code=FAULT)
        if self._too_many_faults():
            return replace(self._given_up(named_fault(error)), in_vain=True)
        return self._later(named_fault(error), in_vain=True)

    def _too_many_faults(self) -> bool:
        now = sum(step.code == FAULT for step in self.steps)
        return self._tools.queue.faults(self.delivery) + now >= self._tools.most_faults

    def _given_up(self, why: str) -> DeliveryEnding:
        given_up = f"given up after {self._tools.most_faults} faults: {why}"
        return DeliveryEnding("parked", why=given_up, sent_at=self.delivery.sent_at)

    def _heard(self, error: CrmUnavailable | CrmRefused) -> None:
        # The plugin's own mail says nothing about the CRM that it asked for a card.
        self.verdict = of_read(error) if self._lane is Lane.CRM else NOTHING

    def _note(
        self,
        step: Literal["send", "look_up"],
        outcome: Literal["done", "not_done", "unknown", "found", "absent"],
        started: float,
        why: str | None = None,
        *,
        status: int | None = None,
        code: str | None = None,
    ) -> None:
        seconds = round(time.monotonic() - started, 3)
        self.steps.append(AttemptStep(self._tools.now(), step, outcome, seconds, why, status, code))


def looks_on(outcome: Outcome) -> bool:
    """Whether the end of such an outcome may ask the CRM for something: a card that is gone is looked for."""
    return isinstance(outcome, NotDone) and outcome.permanent and outcome.status in _GONE


def named_fault(error: Exception) -> str:
    """The fault in words that may be kept."""
    # The message itself may hold anything, personal data included; it goes to the log only.
    return f"fault in the code: {type(error).__name__}"
