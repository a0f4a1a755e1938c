"""Takes it in that a call begins, and tells whether its number was excluded, before the operator speaks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog

from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.config.settings import Settings, Source
from plugin.events.parse import ParsedEvent
from plugin.events.read_form import read_call_result
from plugin.events.refused_call import ReportedCall, note_refused_call
from plugin.events.respond import EventResponse
from plugin.events.schema import CallResult, bad_fields
from plugin.events.signed import SignedReports
from plugin.events.validate import FUTURE
from plugin.ledger import Ledger
from plugin.promise.suppression_list import entries_of

_LOG = structlog.get_logger(__name__)

#: A call that began longer ago does not begin now: its sender repeats something old.
_OLDEST = timedelta(hours=24)


class CallStarts:
    """The way in for calls that begin. Thread-safe. Raises ConfigError for a source whose secret cannot be used."""

    def __init__(self, ledger: Ledger, rules: ActiveRules, settings: Settings, now: Now) -> None:
        self._ledger = ledger
        self._rules = rules
        self._settings = settings
        self._now = now
        self._reports = SignedReports(settings, now)

    def receive(self, headers: Mapping[str, str], body: bytes) -> tuple[str, EventResponse]:
        """``POST /events/call-started``: the source, as the ledger records it, and the answer; raises nothing.

        The checks are those of a call result, in their order: 413, 401, 400, 422, 503.
        """
        return self._reports.receive(headers, body, lambda event: self._answer(event.source, *self._validated(event)))

    def _validated(self, event: ParsedEvent) -> tuple[CallResult, str | None]:
        """The call, and the scope of its script. Raises EventError 422."""
        result = read_call_result(event.raw)
        if event.id != event.webhook_id:
            raise bad_fields({"id": ["must equal the webhook-id header"]})
        if result.occurred_at > event.received + FUTURE:
            raise bad_fields({"occurred_at": ["lies more than 5 minutes in the future"]})
        if result.occurred_at < event.received - _OLDEST:
            raise bad_fields({"occurred_at": ["lies more than a day in the past: this call does not begin now"]})
        scripts = self._rules.current().scripts
        script = scripts.get(result.script or self._settings.default_script)
        if script is None and result.script is not None:
            raise bad_fields({"script": [f"unknown script; there are: {', '.join(sorted(scripts))}"]})
        return result, script.script.scope if script else None

    def _answer(self, source: Source, result: CallResult, scope: str | None) -> EventResponse:
        excluded: dict[str, Any] = {}
        if result.phone is not None:
            with self._ledger.read() as connection:
                entries = entries_of(connection, [result.phone]).get(result.phone, [])
            excluded = {one.scope: {"since": one.since.isoformat()} for one in entries if one.until is None}
        allowed = scope not in excluded
        if not allowed and not source.dry_run:
            self._note(source, result, str(scope))
        warnings = {"warnings": list(result.warnings)} if result.warnings else {}
        return EventResponse(200, {"call": result.call_id, "allowed": allowed, "suppressed": excluded} | warnings)

    def _note(self, source: Source, result: CallResult, scope: str) -> None:
        call = ReportedCall(
            source.recorded_as,
            source.namespace,
            result.call_id,
            str(result.phone),
            result.occurred_at,
            is_over=False,
        )
        with self._ledger.write() as connection:
            is_new = note_refused_call(connection, call, scope, self._now())
        if is_new:
            _LOG.warning("suppression.called", source=source.recorded_as, call=result.call_id, scope=scope)
