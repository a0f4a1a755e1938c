"""Everybody who is on the operators' page now, however they came in, for whoever has to end that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, delete, func, select

from plugin.auth.visitor import normal_login
from plugin.common.clock import Now
from plugin.ledger import Ledger
from plugin.ledger.access import session_calls, sessions

_CALLS = select(func.count()).where(session_calls.c.session_ref == sessions.c.id).scalar_subquery()
_ALL = select(
    sessions.c.id,
    sessions.c.operator,
    sessions.c.user_ref,
    sessions.c.created_at,
    sessions.c.expires_at,
    _CALLS.label("calls"),
).order_by(sessions.c.operator, sessions.c.id)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that has not ended. ``kind``: signed in, or let in by the CRM's link or frame for ``calls`` calls."""

    id: int
    operator: str
    kind: Literal["sign_in", "crm"]
    created_at: datetime
    expires_at: datetime
    calls: int


class OpenSessions:
    """The sessions of a ledger. Raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, now: Now) -> None:
        self._ledger = ledger
        self._now = now

    def all(self) -> Sequence[OpenSession]:
        """All of them, by operator."""
        with self._ledger.read() as connection:
            return _open(connection, self._now())

    def of(self, operator: str) -> Sequence[OpenSession]:
        """Those of an operator, the oldest first."""
        return [one for one in self.all() if is_same_operator(one.operator, operator)]

    def end(self, operator: str | None = None, *, but: int | None = None) -> int:
        """End those of the operator, or all, but for the session with the id ``but``; how many there were."""
        with self._ledger.write() as connection:
            found = [one for one in _open(connection, self._now()) if one.id != but]
            meant = [one.id for one in found if operator is None or is_same_operator(one.operator, operator)]
            end_sessions(connection, meant)
            return len(meant)


def is_same_operator(one: str, other: str) -> bool:
    """Whether two names, as a CRM or a person writes them, are of one operator."""
    return normal_login(one) == normal_login(other)


def end_sign_ins_of(connection: Connection, user_id: int) -> None:
    """End the sessions that a user's password has opened."""
    end_sessions(
        connection, connection.execute(select(sessions.c.id).where(sessions.c.user_ref == user_id)).scalars().all()
    )


def end_sessions_of(connection: Connection, login: str) -> None:
    """End every session of an operator: signed in, by links and by frames."""
    rows = connection.execute(select(sessions.c.id, sessions.c.operator))
    end_sessions(connection, [row.id for row in rows if is_same_operator(row.operator, login)])


def end_sessions(connection: Connection, ids: Sequence[int]) -> None:
    """End these sessions, and forget what they were told of calls."""
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        connection.execute(delete(session_calls).where(session_calls.c.session_ref.in_(some)))
        connection.execute(delete(sessions).where(sessions.c.id.in_(some)))


def _open(connection: Connection, now: datetime) -> Sequence[OpenSession]:
    rows = connection.execute(_ALL.where(sessions.c.expires_at > now))
    return [
        OpenSession(
            row.id,
            row.operator,
            "crm" if row.user_ref is None else "sign_in",
            row.created_at,
            row.expires_at,
            row.calls,
        )
        for row in rows
    ]
