"""Takes the events of the connected CRM in: tried at once where the CRM waits for that, kept where it must not be lost.

Nothing authentic is refused because of what the CRM, its rights or the mapping lack: it is kept, and resolved later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from connectors.base import CallResult, Connector, CrmRefused, CrmUnavailable, NotMapped, Reference
from plugin.common.clock import Now
from plugin.config.settings import Settings
from plugin.errors import LedgerUnavailable
from plugin.events.inbox import Inbox
from plugin.events.intake import Intake
from plugin.events.resolver import reference_of
from plugin.events.respond import EventResponse, combined
from plugin.ledger import Ledger
from plugin.resilience.gates import AccountGates
from plugin.resilience.lanes import Lane

_LOG = structlog.get_logger(__name__)

_NOBODY = "(web)"
_TAKEN = (200, 202)


class CrmEvents:
    """The way in for one connected CRM. Thread-safe. Raises LedgerUnavailable: nothing was taken, to be sent again."""

    def __init__(self, intake: Intake, ledger: Ledger, connector: Connector, settings: Settings, now: Now) -> None:
        self._intake = intake
        self._connector = connector
        self._gates = AccountGates(ledger, connector, settings.delivery, now)
        # Nothing is claimed here, so that no lease is held.
        self._kept = Inbox(ledger, connector.name, now, _NOBODY, 0.0)

    def take(self, heard: Sequence[CallResult | Reference]) -> EventResponse:
        """The answer to one event, everything in it committed: its decisions, or 202 with how many were kept."""
        answers: list[EventResponse] = []
        keep: list[tuple[Reference, float]] = []
        for item in heard:
            if isinstance(item, Reference):
                self._take_reference(item, answers, keep)
            else:
                self._take_result(item, answers, keep)
        if keep:
            self._kept.keep(keep)
        if not keep and not answers:
            return EventResponse(200, {"ignored": "no call of ours"})
        return _with_kept(combined(answers), len(keep)) if answers else EventResponse(202, {"kept": len(keep)})

    def _take_reference(
        self, reference: Reference, answers: list[EventResponse], keep: list[tuple[Reference, float]]
    ) -> None:
        if not self._connector.repeats_events or self._is_away():
            keep.append((reference, 0.0))
            return
        try:
            result = self._connector.resolve(reference)
        except (CrmUnavailable, CrmRefused, NotMapped) as error:
            _LOG.warning("events.not_resolved", connector=self._connector.name, why=str(error))
            keep.append((reference, getattr(error, "after", None) or 0.0))
            return
        if result is None:
            return
        answer = self._received(result)
        if answer.status in _TAKEN or _is_to_come_again(answer):
            answers.append(answer)
        else:
            # Nobody reads what a CRM is told of its own call: it waits, or is parked, and the admins hear of it.
            keep.append((reference, 0.0))

    def _take_result(
        self, result: Mapping[str, Any], answers: list[EventResponse], keep: list[tuple[Reference, float]]
    ) -> None:
        answer = self._received(result)
        # A sender that comes again hears of a wrong event itself; what the rules cannot decide is no fault of its.
        refused = self._connector.repeats_events and (answer.status != 503 or _is_to_come_again(answer))
        if answer.status in _TAKEN or refused:
            answers.append(answer)
        else:
            keep.append((reference_of(result), 0.0))

    def _received(self, result: Mapping[str, Any]) -> EventResponse:
        return self._intake.receive_results(self._connector.name, [result])

    def _is_away(self) -> bool:
        self._gates.refresh()
        return self._gates.is_away(Lane.CRM)


def _is_to_come_again(answer: EventResponse) -> bool:
    """Whether the ledger cannot commit now, so that nothing could be kept either."""
    error: Mapping[str, Any] = answer.body.get("error", {})
    return error.get("code") == LedgerUnavailable.code


def _with_kept(answer: EventResponse, kept: int) -> EventResponse:
    if not kept:
        return answer
    status = answer.status if answer.status not in _TAKEN else 202
    return EventResponse(status, answer.body | {"kept": kept}, answer.headers)
