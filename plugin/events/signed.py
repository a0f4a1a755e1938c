"""The signed way in, the same for all that sources report: too large, not authentic, no event, in this order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from plugin.common.clock import Now
from plugin.config.settings import Settings
from plugin.errors import EventError
from plugin.events.authenticate import Signatures
from plugin.events.parse import ParsedEvent, parse
from plugin.events.refusals import UNKNOWN_SOURCE
from plugin.events.respond import EventResponse, respond


class SignedReports:
    """Checks what came in before anything is made of it. Thread-safe.

    Raises ConfigError for a source whose secret cannot be used.
    """

    def __init__(self, settings: Settings, now: Now) -> None:
        self._limit = settings.web.max_body_bytes
        self._now = now
        self._signatures = Signatures(settings.sources)

    def receive(
        self, headers: Mapping[str, str], body: bytes, take: Callable[[ParsedEvent], EventResponse]
    ) -> tuple[str, EventResponse]:
        """The source, as the ledger records it, and what ``take`` answers or 413, 401, 400; raises nothing."""
        sender = UNKNOWN_SOURCE

        def checked() -> EventResponse:
            nonlocal sender
            if len(body) > self._limit:
                raise EventError(413, "too_large", f"the body is over {self._limit} bytes")
            source, webhook_id = self._signatures.verify(headers, body)
            sender = source.recorded_as
            return take(parse(source, body, self._now(), webhook_id=webhook_id))

        response = respond(checked)
        return sender, response
