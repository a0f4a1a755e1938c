"""Takes leased deliveries: one is handled, its ending written to the ledger, and what it said of the account taken in.

Whatever goes wrong ends in the ledger, not in an exception: only LedgerUnavailable gets out, and then the lease runs
out and somebody takes the delivery over.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from plugin.delivery.handling import Handling, Tools
from plugin.delivery.model import Delivery, Ending
from plugin.delivery.order import lane_of
from plugin.delivery.verdict import Word

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Courier:
    """Handles deliveries. Thread-safe: what one handling knows lives in its own ``Handling``."""

    tools: Tools

    def handle(self, delivery: Delivery, *, probing: bool = False) -> Word:
        """Take one leased delivery as far as it gets now; what that said about the account.

        Given back at once while the account is away, unless it is ``probing``, and while the clock cannot be trusted
        about when it was sent. Raises LedgerUnavailable only.
        """
        lane, queue, gates = lane_of(delivery.kind), self.tools.queue, self.tools.gates
        if delivery.sent_at is not None:
            self.tools.jumps.look()
        doubtful = delivery.sent_at is not None and self.tools.jumps.is_careful
        if doubtful or (gates.is_away(lane) and not probing):
            queue.release([delivery])
            return Word.NOTHING
        handling = Handling(self.tools, delivery, lane)
        ending = handling.go()
        if ending is None:
            _LOG.warning("delivery.lease_lost", delivery=delivery.id, call=delivery.call_id)
            return Word.NOTHING
        written = queue.finish(handling.delivery, ending, handling.steps)
        if written is None:
            _LOG.warning("delivery.lease_lost", delivery=delivery.id, call=delivery.call_id, ending=ending.state)
        else:
            _tell(delivery, written)
        gates.report(lane, delivery.id, handling.verdict)
        return handling.verdict.word


def _tell(delivery: Delivery, ending: Ending) -> None:
    log = _LOG.bind(delivery=delivery.id, call=delivery.call_id, kind=delivery.kind)
    match ending.state:
        case "parked":
            log.error("delivery.parked", why=ending.why)
        case "done" | "cancelled":
            log.info(f"delivery.{ending.state}", why=ending.why)
        case _:
            log.info(f"delivery.{ending.state}", why=ending.why, wait=round(ending.wait, 1))
