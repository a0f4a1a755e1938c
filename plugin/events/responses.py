"""What the sender of an event is told: a status, a JSON body and the headers that go with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plugin.errors import EventError, LedgerUnavailable, OptoutError

#: Seconds after which a sender should try again what the rules or the engine could not decide.
UNDECIDED_RETRY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class EventResponse:
    """An HTTP answer before it is HTTP; ``body`` is JSON-able."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


def refused(error: EventError) -> EventResponse:
    """A 4xx: nothing was stored, and the same event would be refused again."""
    return EventResponse(error.status, {"error": error.to_json()})


def unavailable(error: LedgerUnavailable) -> EventResponse:
    """503: nothing was stored; the sender is to repeat the event."""
    return EventResponse(503, {"error": error.to_json()}, {"Retry-After": str(error.retry_after)})


def undecided(error: OptoutError) -> EventResponse:
    """503: the rules, the engine or the set-up is at fault. The sender repeats the event until they are mended."""
    body = {"code": "undecided", "message": error.message, "hint": "Nothing was stored; the event is to be repeated"}
    return EventResponse(503, {"error": body}, {"Retry-After": str(UNDECIDED_RETRY_SECONDS)})


def combined(answers: Sequence[EventResponse]) -> EventResponse:
    """One answer for several call results that came in together: the worst status, each result's own beside its body.

    A repeat is safe: results already taken answer as duplicates.
    """
    if not answers:
        return EventResponse(200, {"ignored": "no call results"})
    if len(answers) == 1:
        return answers[0]
    worst = max(answers, key=lambda answer: answer.status)
    return EventResponse(
        worst.status, {"results": [{"status": answer.status} | answer.body for answer in answers]}, worst.headers
    )
