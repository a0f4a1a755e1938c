"""One leased delivery from look-up to ending: what the CRM may hold is looked for first, what it surely lacks is sent.

Whatever goes wrong ends in the ledger, not in an exception: only LedgerUnavailable gets out, and then the lease runs
out and somebody takes the delivery over.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Literal

import structlog

from connectors.base import CrmRefused, CrmUnavailable, Done, NotDone, Outcome, Unknown
from plugin.clock import Now
from plugin.delivery.model import MAILS, Delivery, Ending, Step
from plugin.delivery.policy import MOST_FAULTS, Timing, Waits
from plugin.delivery.queue import FAULT, Begun, Queue
from plugin.delivery.send import Desk, Letter, NothingToDoError, UnsendableError
from plugin.delivery.settle import Settler
from plugin.delivery.withdrawals import NEVER_WRITTEN
from plugin.errors import LedgerUnavailable, OptoutError

_LOG = structlog.get_logger(__name__)

_CORRECTED = "a correction came before it went out"
_PERHAPS_SENT = "a correction came; the mail may have gone out already"


@dataclass(frozen=True, slots=True)
class Courier:
    """Handles deliveries. Thread-safe: what one handling knows lives in its own ``_Round``."""

    queue: Queue
    desk: Desk
    settler: Settler
    timing: Timing
    waits: Waits
    now: Now
    chance: Random

    def handle(self, delivery: Delivery) -> None:
        """Take one leased delivery as far as it gets now. Raises LedgerUnavailable only."""
        around = _Round(self, delivery)
        ending = around.go()
        if ending is None:
            _LOG.warning("delivery.lease_lost", delivery=delivery.id, call=delivery.call_id)
            return
        written = self.queue.finish(around.delivery, ending, around.steps)
        if written is None:
            _LOG.warning("delivery.lease_lost", delivery=delivery.id, call=delivery.call_id, ending=ending.state)
        else:
            _tell(delivery, written)


class _Round:
    """One handling of one delivery. ``delivery.sent_at`` always says whether the CRM may hold it by now."""

    def __init__(self, courier: Courier, delivery: Delivery) -> None:
        self._courier = courier
        self.delivery = delivery
        self.steps: list[Step] = []

    def go(self) -> Ending | None:
        """How it ends; None: the lease was lost, somebody else has it."""
        try:
            if self.delivery.sent_at is not None:
                ending = self._settle(self.delivery.sent_at)
                if ending is not None:
                    return ending
            if self.delivery.cancel:
                return Ending("cancelled", why=_CORRECTED)
            return self._send()
        except LedgerUnavailable:
            raise
        except Exception as error:
            return self._fault(error)

    # --- after an unknown ----------------------------------------------------------------------------

    def _settle(self, sent_at: datetime) -> Ending | None:
        """Look for what may have been written; None: the CRM surely has it not, and it may be sent."""
        delivery, settler, now = self.delivery, self._courier.settler, self._courier.now()
        if not settler.can_look(delivery):
            return Ending("cancelled", why=_PERHAPS_SENT, sent_at=sent_at) if delivery.cancel else None
        early = settler.too_early(delivery, now)
        if early is not None:
            # A clock that was set back must not make it wait for the old time to come round again.
            since = min(sent_at, now)
            wait = min(early.total_seconds(), self._courier.timing.settling)
            return Ending("unknown", why="it may still be on its way", wait=wait, sent_at=since)
        return self._look(sent_at)

    def _look(self, sent_at: datetime) -> Ending | None:
        delivery, started = self.delivery, time.monotonic()
        try:
            remote_id = self._courier.settler.look(delivery)
        except CrmUnavailable as error:
            self._note("look_up", "unknown", started, str(error), status=error.status)
            return self._later(str(error), at_least=error.after, in_vain=True)
        except CrmRefused as error:
            self._note("look_up", "unknown", started, str(error), status=error.status, code=error.code)
            if delivery.kind not in MAILS:
                why = f"the CRM does not let it be looked for: {error}"
                return Ending("parked", why=why, sent_at=sent_at, in_vain=True)
            # Better a mail twice than none.
            remote_id = None
        else:
            self._note("look_up", "absent" if remote_id is None else "found", started)
        if remote_id is not None:
            return Ending("done", remote_id=remote_id, sent_at=sent_at)
        if delivery.cancel and delivery.kind in MAILS:
            # Not every CRM lets its mails be found, so an absent one may have been read all the same.
            return Ending("cancelled", why=_PERHAPS_SENT, sent_at=sent_at)
        self.delivery = replace(delivery, sent_at=None)
        return None

    # --- sending ---------------------------------------------------------------------------------------

    def _send(self) -> Ending | None:
        letter_or_ending = self._ready()
        if isinstance(letter_or_ending, Ending):
            return letter_or_ending
        letter, before = letter_or_ending, self.delivery.sent_at
        begun, sent_at, lease_until = self._courier.queue.begin(self.delivery, letter.assignee)
        if begun is Begun.LOST:
            return None
        if begun is Begun.CANCELLED:
            return Ending("cancelled", why=_CORRECTED if before is None else _PERHAPS_SENT, sent_at=before)
        self.delivery = replace(
            self.delivery, sent_at=sent_at, lease_until=lease_until, attempts=self.delivery.attempts + 1
        )
        if (lease_until - self._courier.now()).total_seconds() < self._courier.timing.needed:
            # This process was held up between the two lines: another one may soon take it for lost and look for it.
            why = "held up too long to send it safely"
            return Ending("waiting" if before is None else "unknown", why=why, sent_at=before)
        return self._ended(self._call(letter), before)

    def _ready(self) -> Letter | Ending:
        """The letter, or how it ends without one. What was sent before (a mail) stays perhaps sent."""
        started, sent_at = time.monotonic(), self.delivery.sent_at
        try:
            return self._courier.desk.ready(self.delivery)
        except NothingToDoError:
            return Ending("cancelled", why=NEVER_WRITTEN)
        except UnsendableError as error:
            return Ending("parked", why=str(error), sent_at=sent_at, in_vain=True)
        except CrmUnavailable as error:
            self._note("look_up", "not_done", started, str(error), status=error.status)
            return self._later(str(error), at_least=error.after, in_vain=True)
        except CrmRefused as error:
            self._note("look_up", "not_done", started, str(error), status=error.status, code=error.code)
            return Ending("parked", why=str(error), sent_at=sent_at, in_vain=True)
        except LedgerUnavailable:
            raise
        except OptoutError as error:
            # The rules, roles or settings are not fit for it just now; the promise waits until somebody mends them.
            self._note("look_up", "not_done", started, error.message, code=error.code)
            return self._later(error.message, in_vain=True)

    def _call(self, letter: Letter) -> Outcome:
        started = time.monotonic()
        try:
            outcome = letter.send()
        except Exception as error:
            _LOG.exception("delivery.fault", delivery=self.delivery.id, call=self.delivery.call_id)
            outcome = Unknown(_named(error), code=FAULT)
        match outcome:
            case Done():
                self._note("send", "done", started)
            case NotDone():
                self._note("send", "not_done", started, outcome.why, status=outcome.status, code=outcome.code)
            case Unknown():
                self._note("send", "unknown", started, outcome.why, status=outcome.status, code=outcome.code)
        return outcome

    def _ended(self, outcome: Outcome, before: datetime | None) -> Ending:
        match outcome:
            case Done():
                return Ending("done", remote_id=outcome.remote_id, sent_at=self.delivery.sent_at)
            case NotDone(permanent=True):
                return Ending("parked", why=outcome.why, sent_at=before)
            case NotDone():
                self.delivery = replace(self.delivery, sent_at=before)
                return self._later(outcome.why, at_least=outcome.after)
            case Unknown():
                # The CRM's settling time counts from the moment the answer was given up.
                self.delivery = replace(self.delivery, sent_at=self._courier.now())
                if outcome.code == FAULT and self._too_many_faults():
                    return self._given_up(outcome.why)
                can_look = self._courier.settler.can_look(self.delivery)
                settled_in = self._courier.timing.settling if can_look else None
                return self._later(outcome.why, at_least=settled_in)

    # --- waiting ---------------------------------------------------------------------------------------

    def _later(self, why: str, *, at_least: float | None = None, in_vain: bool = False) -> Ending:
        """Another try after a while; *unknown* as long as an earlier one may have succeeded."""
        delivery, courier = self.delivery, self._courier
        time_left = delivery.deadline_at - courier.now()
        tries = delivery.attempts + in_vain
        wait = courier.waits.after(tries, time_left, courier.chance, at_least=at_least)
        state: Literal["unknown", "waiting"] = "waiting" if delivery.sent_at is None else "unknown"
        return Ending(state, why=why, wait=wait, sent_at=delivery.sent_at, in_vain=in_vain)

    def _fault(self, error: Exception) -> Ending:
        """A fault in reading the CRM or in this code: logged whole, tried again a few times, then left to a human."""
        _LOG.exception("delivery.fault", delivery=self.delivery.id, call=self.delivery.call_id)
        outcome: Literal["unknown", "not_done"] = "unknown" if self.delivery.sent_at else "not_done"
        self._note("look_up", outcome, time.monotonic(), _named(error), code=FAULT)
        if self._too_many_faults():
            return replace(self._given_up(_named(error)), in_vain=True)
        return self._later(_named(error), in_vain=True)

    def _too_many_faults(self) -> bool:
        now = sum(step.code == FAULT for step in self.steps)
        return self._courier.queue.faults(self.delivery) + now >= MOST_FAULTS

    def _given_up(self, why: str) -> Ending:
        return Ending("parked", why=f"given up after {MOST_FAULTS} faults: {why}", sent_at=self.delivery.sent_at)

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
        self.steps.append(Step(self._courier.now(), step, outcome, seconds, why, status, code))


def _named(error: Exception) -> str:
    # The message itself may hold anything, personal data included; it goes to the log only.
    return f"fault in the code: {type(error).__name__}"


def _tell(delivery: Delivery, ending: Ending) -> None:
    log = _LOG.bind(delivery=delivery.id, call=delivery.call_id, kind=delivery.kind)
    match ending.state:
        case "parked":
            log.error("delivery.parked", why=ending.why)
        case "done" | "cancelled":
            log.info(f"delivery.{ending.state}", why=ending.why)
        case _:
            log.info(f"delivery.{ending.state}", why=ending.why, wait=round(ending.wait, 1))
