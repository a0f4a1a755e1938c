"""When each source and the CRM were last heard of, and whether the CRM answers now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from plugin.ledger.connected import kept_references
from plugin.ledger.schema import attempts, breakers, events

_LAST_EVENT = select(func.max(events.c.received_at)).where(events.c.source == bindparam("wanted"))
_LAST_KEPT = (
    select(kept_references.c.received_at)
    .where(kept_references.c.connector == bindparam("wanted"))
    .order_by(kept_references.c.id.desc())
    .limit(1)
)
_LAST_ANSWER = (
    select(attempts.c.at).where(attempts.c.outcome.in_(("done", "found", "absent"))).order_by(attempts.c.id.desc())
).limit(1)
_AWAY = select(breakers.c.account, breakers.c.opened_at, breakers.c.blocked, breakers.c.why).where(
    breakers.c.opened_at.is_not(None)
)


@dataclass(frozen=True, slots=True)
class HeardSource:
    """A source of events, and when it last reported; None: never."""

    name: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class AwayAccount:
    """An account that does not answer since then; ``is_blocked``: it has shut us out."""

    name: str
    since: datetime
    is_blocked: bool
    why: str | None


@dataclass(frozen=True, slots=True)
class LastHeard:
    """All of it. ``answered_at``: when something last came through to the CRM or the mail server."""

    sources: Sequence[HeardSource]
    answered_at: datetime | None
    away: Sequence[AwayAccount]


def last_heard(connection: Connection, sources: Sequence[str], connector: str | None) -> LastHeard:
    """By the names of the sources, and that of the connector, whose own events come in besides."""
    heard = [HeardSource(name, connection.execute(_LAST_EVENT, {"wanted": name}).scalar()) for name in sources]
    if connector is not None and connector not in sources:
        own = connection.execute(_LAST_KEPT, {"wanted": connector}).scalar()
        if own is not None:
            heard.append(HeardSource(connector, own))
    away = [AwayAccount(row.account, row.opened_at, row.blocked, row.why) for row in connection.execute(_AWAY)]
    return LastHeard(heard, connection.execute(_LAST_ANSWER).scalar(), away)
