"""Responds to the sender of an event: a status, a JSON body and the headers that go with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, select

from plugin.errors import EventError, LedgerUnavailable, OptoutError
from plugin.events.parse import ParsedEvent
from plugin.events.save_change import AddedDelivery
from plugin.ledger.prepared import PreparedSelect
from plugin.ledger.schema import deliveries, events

_LOG = structlog.get_logger(__name__)

#: The statuses of an event that was taken in, now or before.
TAKEN = (200, 202)
#: Seconds after which a sender should try again what the rules or the engine could not decide.
UNDECIDED_RETRY_SECONDS = 60

_EVENT = PreparedSelect(
    select(events.c.digest, events.c.call_ref, events.c.answer).where(
        events.c.source == bindparam("source"), events.c.event_id == bindparam("event_id")
    )
)
_d = deliveries.c
_DELIVERIES = PreparedSelect(
    select(_d.id, _d.kind, _d.role, _d.action, _d.state, _d.due_at)
    .where(_d.call_ref == bindparam("call"))
    .order_by(_d.id)
)


@dataclass(frozen=True, slots=True)
class EventResponse:
    """An HTTP answer before it is HTTP; ``body`` is JSON-able."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event taken in before. ``call`` None: there was no opt-out request in it."""

    digest: str
    call: int | None
    answer: dict[str, Any]


# --- events that were taken in ---------------------------------------------------------------------


def find_event(connection: Connection, source: str, event_id: str) -> StoredEvent | None:
    """The event under this identity."""
    rows = _EVENT.all(connection, {"source": source, "event_id": event_id})
    return StoredEvent(*rows[0]) if rows else None


def respond_to_repeat(connection: Connection, event: ParsedEvent) -> EventResponse | None:
    """200 for an event taken in before, None for a new one. Raises EventError 409 for another body under its id."""
    known = find_event(connection, event.source.recorded_as, event.id) if event.id else None
    if known is None:
        return None
    if known.digest != event.digest:
        raise EventError(
            409,
            "event_id_reused",
            "another event came in under this id before",
            hint="Give every event an id of its own; repeat an event unchanged",
        )
    body = known.answer | {"duplicate": True}
    return EventResponse(200, body if known.call is None else _with_deliveries(connection, body, known.call))


def respond_taken(connection: Connection, answer: dict[str, Any], call: int) -> EventResponse:
    """202: the event was stored with what follows from it."""
    return EventResponse(202, _with_deliveries(connection, answer, call))


def respond_new(answer: dict[str, Any], added: Sequence[AddedDelivery]) -> EventResponse:
    """The same for a call that is new, so that all its deliveries are those that were just ``added``."""
    shown = [_shown(row.id, row.state, row.planned) for row in sorted(added, key=lambda row: row.id)]
    return EventResponse(202, answer | {"deliveries": shown})


def _with_deliveries(connection: Connection, answer: dict[str, Any], call: int) -> dict[str, Any]:
    """The answer with the call's deliveries as they are now."""
    rows = _DELIVERIES.all(connection, {"call": call})
    return answer | {"deliveries": [_shown(row.id, row.state, row) for row in rows]}


def _shown(id_: int, state: str, row: Any) -> dict[str, Any]:
    """A delivery as an answer tells it; ``row``: planned, or read from the ledger."""
    shown = {"id": id_, "kind": row.kind, "role": row.role, "action": row.action, "state": state}
    return shown | ({"due_at": row.due_at.astimezone(UTC).isoformat()} if row.due_at else {})


# --- events that were not --------------------------------------------------------------------------


def respond(take: Callable[[], EventResponse]) -> EventResponse:
    """What ``take`` answers, or the answer to what keeps it from taking the event in."""
    try:
        return take()
    except EventError as error:
        _LOG.warning("events.refused", status=error.status, code=error.code, fields=sorted(error.fields))
        return EventResponse(error.status, {"error": error.to_json()})
    except LedgerUnavailable as error:
        _LOG.error("events.ledger_unavailable", why=error.message)
        return EventResponse(503, {"error": error.to_json()}, {"Retry-After": str(error.retry_after)})
    except OptoutError as error:
        # The rules, the engine or the set-up is at fault; the sender repeats the event until they are mended.
        _LOG.error("events.undecided", code=error.code, why=str(error))
        hint = "Nothing was stored; the event is to be repeated"
        body = {"code": "undecided", "message": error.message, "hint": hint}
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
