"""Takes leased deliveries, one or several that go together: each is made ready, begun, sent and ended on its own.

Whatever goes wrong ends in the ledger, not in an exception: only LedgerUnavailable gets out, and then the leases run
out and somebody takes the deliveries over. What one does wrong holds up no other.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from connectors.base import Outcome, Unknown
from plugin.delivery.attempt import Attempt, DeliveryServices, looks_on, named_fault
from plugin.delivery.model import Delivery, DeliveryEnding
from plugin.delivery.prepare import Known, Outgoing
from plugin.delivery.queue import Begun
from plugin.resilience.health import FAULT, Health, of_company
from plugin.resilience.lanes import Lane, lane_of

_LOG = structlog.get_logger(__name__)

_Going = list[tuple[Attempt, Outgoing]]


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Handles deliveries. Thread-safe: what one handling knows lives in its own ``Attempt``."""

    tools: DeliveryServices

    def handle(self, bundle: Sequence[Delivery], *, probing: bool = False) -> Health:
        """Take leased deliveries of one lane as far as they get now; what that said about the account.

        Several are all of a kind that the connector writes together. Given back at once while the account is away,
        unless it is ``probing``, and while the clock cannot be trusted about when they were sent.
        Raises LedgerUnavailable only.
        """
        lane = lane_of(bundle[0].kind)
        going, word = self._made_ready(bundle, lane, probing)
        if not going:
            return word
        with self.tools.slots:
            if self.tools.gates.is_away(lane) and not probing:
                # That is what one of the others has found out meanwhile.
                self.tools.queue.release([handling.delivery for handling, _ in going])
                return word
            going, started = self._begun(going), time.monotonic()
            outcomes = self._outcomes(going)
        return self._ended(going, outcomes, started, lane, probing) if going else word

    # --- the steps -----------------------------------------------------------------------------------

    def _made_ready(self, bundle: Sequence[Delivery], lane: Lane, probing: bool) -> tuple[_Going, Health]:
        """What is to be sent; the others have ended, or are given back because they would have to wait too long."""
        going: _Going = []
        known: Known = {}
        started, word = self.tools.steady(), Health.NOTHING
        given_back: list[Delivery] = []
        for delivery in bundle:
            # What is first has all the time that a look-up or a card takes.
            late = self.tools.steady() - started > self.tools.timing.request
            if late or self._has_to_wait(delivery, lane, probing):
                given_back.append(delivery)
                continue
            handling = Attempt(self.tools, delivery, lane, known)
            prepared = handling.prepare()
            if isinstance(prepared, DeliveryEnding):
                self._write([(handling, prepared)])
                self.tools.gates.report(lane, delivery.id, handling.verdict, probing=probing)
                word = handling.verdict.word
            else:
                going.append((handling, prepared))
        if given_back:
            self.tools.queue.release(given_back)
        return going, word

    def _has_to_wait(self, delivery: Delivery, lane: Lane, probing: bool) -> bool:
        if delivery.sent_at is not None:
            self.tools.jumps.look()
            if self.tools.jumps.is_careful:
                return True
        return self.tools.gates.is_away(lane) and not probing

    def _begun(self, going: _Going) -> _Going:
        """Those that may be sent now: on the ledger's disk each is *unknown* from here on."""
        asked = self.tools.steady()
        started = self.tools.queue.begin_all([(handling.delivery, letter.assignee) for handling, letter in going])
        held_up = self.tools.steady() - asked
        may_go: _Going = []
        ended: list[tuple[Attempt, DeliveryEnding]] = []
        for (handling, letter), one in zip(going, started, strict=True):
            begun = handling.begin(one, held_up)
            if isinstance(begun, DeliveryEnding):
                ended.append((handling, begun))
            elif begun is Begun.LOST:
                _LOG.warning("delivery.lease_lost", delivery=handling.delivery.id, call=handling.delivery.call_id)
            else:
                may_go.append((handling, letter))
        self._write(ended)
        return may_go

    def _ended(self, going: _Going, outcomes: Sequence[Outcome], started: float, lane: Lane, probing: bool) -> Health:
        ends = list(zip(going, outcomes, strict=True))
        # Those that need another look at the CRM must not hold up the others.
        self._write([(one[0], one[0].end(one[1], outcome, started)) for one, outcome in ends if not looks_on(outcome)])
        for (handling, letter), outcome in ends:
            if looks_on(outcome):
                self._write([(handling, handling.end(letter, outcome, started))])
        verdict = of_company([handling.verdict for handling, _ in going])
        said = next((handling for handling, _ in going if handling.verdict == verdict), going[0][0])
        self.tools.gates.report(lane, said.delivery.id, verdict, probing=probing)
        return verdict.word

    def _outcomes(self, going: _Going) -> Sequence[Outcome]:
        if not going:
            return []
        try:
            return self.tools.desk.send([letter for _, letter in going])
        except Exception as error:
            for handling, _ in going:
                _LOG.exception("delivery.fault", delivery=handling.delivery.id, call=handling.delivery.call_id)
            return [Unknown(named_fault(error), code=FAULT)] * len(going)

    def _write(self, ended: Sequence[tuple[Attempt, DeliveryEnding]]) -> None:
        """Write endings to the ledger, and the log."""
        if not ended:
            return
        entries = [(handling.delivery, ending, handling.steps) for handling, ending in ended]
        for (handling, ending), written in zip(ended, self.tools.queue.finish_all(entries), strict=True):
            if written is None:
                delivery = handling.delivery
                _LOG.warning("delivery.lease_lost", delivery=delivery.id, call=delivery.call_id, ending=ending.state)
            else:
                _tell(handling.delivery, written)


def _tell(delivery: Delivery, ending: DeliveryEnding) -> None:
    log = _LOG.bind(delivery=delivery.id, call=delivery.call_id, kind=delivery.kind)
    match ending.state:
        case "parked":
            log.error("delivery.parked", why=ending.why)
        case "done" | "cancelled":
            log.info(f"delivery.{ending.state}", why=ending.why)
        case _:
            log.info(f"delivery.{ending.state}", why=ending.why, wait=round(ending.wait, 1))
