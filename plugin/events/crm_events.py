"""Takes the events of the connected CRM in: tried at once where the CRM waits for that, kept where it must not be lost.

Nothing authentic is refused because of what the CRM, its rights or the mapping lack: it is kept, and resolved later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import structlog

from connectors.base import CallResult, Connector, CrmRefused, CrmUnavailable, NotMapped, Reference
from plugin.common.clock import Now
from plugin.config.settings import Settings
from plugin.errors import LedgerUnavailable
from plugin.events.inbox import Inbox, reference_of
from plugin.events.intake import Intake
from plugin.events.respond import TAKEN, EventResponse, combined
from plugin.ledger import Ledger
from plugin.resilience.gates import AccountGates
from plugin.resilience.reads import counted, is_away_now

_LOG = structlog.get_logger(__name__)

_NO_OWNER = "(web)"

#: An event to be kept, with the seconds until it may be tried.
Kept = tuple[Reference, float]


class CrmEvents:
    """The way in for one connected CRM. Thread-safe. Raises LedgerUnavailable: nothing was taken, to be sent again."""

    def __init__(self, intake: Intake, ledger: Ledger, connector: Connector, settings: Settings, now: Now) -> None:
        self._intake = intake
        self._connector = connector
        self._source = intake.recorded_as(connector.name)
        self._gates = AccountGates(ledger, connector, settings.delivery, now)
        # Nothing is claimed here, so that no lease is held.
        self._inbox = Inbox(ledger, connector.name, now, _NO_OWNER, 0.0)

    def take(self, parsed: Sequence[CallResult | Reference]) -> EventResponse:
        """The answer to one event, everything in it committed: its decisions, or 202 with how many were kept."""
        tried = [self._resolve(item) if isinstance(item, Reference) else self._take(item) for item in parsed]
        answers = [one for one in tried if isinstance(one, EventResponse)]
        for answer in answers:
            self._intake.tell_refusal(self._source, answer)
        keep = [one for one in tried if isinstance(one, tuple)]
        if keep:
            self._inbox.keep(keep)
        if not answers:
            return (
                EventResponse(202, {"kept": len(keep)}) if keep else EventResponse(200, {"ignored": "no call of ours"})
            )
        answer = combined(answers)
        if not keep:
            return answer
        status = 202 if answer.status in TAKEN else answer.status
        return EventResponse(status, answer.body | {"kept": len(keep)}, answer.headers)

    def tell_refusal(self, status: int, code: str) -> None:
        """Count an event that was refused before it could be taken, and tell the admins."""
        self._intake.tell_refusal(self._source, EventResponse(status, {"error": {"code": code}}))

    def _resolve(self, reference: Reference) -> EventResponse | Kept | None:
        """The answer to a reference, or what is to be kept; None where it names no call of ours."""
        if not self._connector.repeats_events or is_away_now(self._gates):
            return reference, 0.0
        try:
            result = counted(self._gates, _suspect(reference), lambda: self._connector.resolve(reference))
        except (CrmUnavailable, CrmRefused, NotMapped) as error:
            _LOG.warning("events.not_resolved", connector=self._connector.name, why=str(error))
            return reference, getattr(error, "after", None) or 0.0
        if result is None:
            self._inbox.settle([reference])
            return None
        if isinstance(result, Sequence):
            return reference, 0.0
        answer = self._received(result)
        if answer.status in TAKEN:
            self._inbox.settle([reference])
        # A refusal of the CRM's own call reaches no reader there: it waits, or is parked, and the admins are told.
        return answer if answer.status in TAKEN or _comes_again(answer) else (reference, 0.0)

    def _take(self, result: Mapping[str, Any]) -> EventResponse | Kept:
        answer = self._received(result)
        if answer.status in TAKEN:
            self._inbox.settle([reference_of(result)])
        # A sender that comes again is told of a wrong event; what the rules cannot decide is no fault of its.
        refused = self._connector.repeats_events and (answer.status != 503 or _comes_again(answer))
        return answer if answer.status in TAKEN or refused else (reference_of(result), 0.0)

    def _received(self, result: Mapping[str, Any]) -> EventResponse:
        return self._intake.receive_results(self._connector.name, [result])


def _comes_again(answer: EventResponse) -> bool:
    """Whether the ledger cannot commit now, so that nothing could be kept either."""
    error: Mapping[str, Any] = answer.body.get("error", {})
    return error.get("code") == LedgerUnavailable.code


def _suspect(reference: Reference) -> int:
    """By what the breaker tells this record from others; a negative number cannot be taken for a delivery."""
    return -1 - crc32(f"{reference.kind}/{reference.id}".encode("utf-8", "replace"))
