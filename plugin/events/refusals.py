"""Refusals are told: what a source's events are refused for stands as an alert, once per source and cause.

A sender that was answered 4xx rarely reads why, and the client's request would be lost unnoticed. The alert holds the
status, the code and the names of fields: nothing of what was sent. It is written here, beside the answer, since nothing
else of a refused event is kept; ``plugin.monitoring`` tells it and finds out when it is over (contract 3.3).
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, func, or_, select, update

from plugin.common.clock import Now
from plugin.errors import OptoutError
from plugin.ledger import Ledger
from plugin.ledger.insert import insert_if_absent
from plugin.ledger.schema import alerts, events

_LOG = structlog.get_logger(__name__)

#: The alerts' kind in the ledger.
KIND = "event_refused"
#: Who sent an event that no source has signed.
UNKNOWN_SOURCE = "?"
#: So long after its last refusal a cause is over in any case, and so long it is not told again.
LASTS = timedelta(days=1)
#: Refusals of one cause are written no more often than this; those in between are added to the next.
_AT_MOST_EVERY = timedelta(seconds=10)
#: Fields that are named; of all others, which the sender's own words name, only where they stand.
_FORM = frozenset({"id", "occurred_at", "call", "call.id", "script", "ruleset", "final", "facts", "card"})

_NEWEST = (
    select(alerts.c.id, alerts.c.about, alerts.c.closed_at)
    .where(
        alerts.c.cause == bindparam("cause"),
        or_(alerts.c.closed_at.is_(None), alerts.c.opened_at > bindparam("since", type_=alerts.c.opened_at.type)),
    )
    .order_by(alerts.c.id.desc())
    .limit(1)
    .with_for_update()
)
_CHANGE = update(alerts).where(alerts.c.id == bindparam("this"))
_LAST_ACCEPTED = select(func.max(events.c.received_at)).where(events.c.source == bindparam("name"))


@dataclass(frozen=True, slots=True)
class EventRefusal:
    """Why events of a source are refused. ``fields``: the wrong ones, as far as they are the form's own."""

    source: str
    status: int
    code: str
    fields: tuple[str, ...] = ()

    @property
    def cause(self) -> str:
        """The cause's name in the ledger."""
        return ":".join([KIND, self.source, self.code, *([",".join(self.fields)] if self.fields else [])])

    @classmethod
    def of(cls, source: str, status: int, error: Mapping[str, Any]) -> EventRefusal:
        """The refusal that this ``error`` of an answer tells of."""
        return cls(source, status, str(error.get("code", "error")), _known_fields(error.get("fields") or ()))


class RefusalLog:
    """Records refusals in the ledger. Thread-safe. Never raises: the answer to the sender does not depend on it."""

    def __init__(self, ledger: Ledger, now: Now) -> None:
        self._ledger = ledger
        self._now = now
        self._lock = threading.Lock()
        #: By cause: when it was last written, and how many refusals have not been since.
        self._unwritten: dict[str, tuple[datetime, int]] = {}

    def record(self, refusal: EventRefusal) -> None:
        """Count one refusal, and open its alert where none stands."""
        now = self._now()
        number = self._take_over(refusal.cause, now)
        if not number:
            return
        try:
            with self._ledger.write() as connection:
                _write(connection, refusal, number, now)
        except OptoutError as error:
            _LOG.warning("events.refusal_not_recorded", source=refusal.source, code=refusal.code, why=error.message)

    def _take_over(self, cause: str, now: datetime) -> int:
        with self._lock:
            written, number = self._unwritten.get(cause, (None, 0))
            is_due = written is None or abs(now - written) >= _AT_MOST_EVERY
            self._unwritten[cause] = (now, 0) if written is None or is_due else (written, number + 1)
            return number + 1 if is_due else 0


def last_accepted(connection: Connection, source: str) -> datetime | None:
    """When the last event of this source was taken in."""
    moment: datetime | None = connection.execute(_LAST_ACCEPTED, {"name": source}).scalar_one()
    return moment


def _write(connection: Connection, refusal: EventRefusal, number: int, now: datetime) -> None:
    known = connection.execute(_NEWEST, {"cause": refusal.cause, "since": now - LASTS}).one_or_none()
    if known is not None and not (known.closed_at and _goes_on(connection, refusal.source, known.about)):
        about = {**known.about, "count": known.about["count"] + number, "last": now.isoformat()}
        connection.execute(_CHANGE.values(about=about), {"this": known.id})
        return
    about = {"source": refusal.source, "status": refusal.status, "code": refusal.code, "fields": list(refusal.fields)}
    about |= {"count": number, "since": now.isoformat(), "last": now.isoformat()}
    row = {"kind": KIND, "cause": refusal.cause, "about": about, "opened_at": now}
    if insert_if_absent(connection, alerts, row):
        _LOG.warning("alert.opened", kind=KIND, cause=refusal.cause)


def _goes_on(connection: Connection, source: str, about: Mapping[str, Any]) -> bool:
    """Whether nothing was taken in since the refusal before this one, so that this is no single event."""
    accepted = last_accepted(connection, source)
    return accepted is None or accepted < datetime.fromisoformat(about["last"])


def _known_fields(fields: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted({field if field in _FORM else field.partition(".")[0] for field in fields} & _FORM))
