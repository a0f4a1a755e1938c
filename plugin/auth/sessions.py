"""Sessions of the operators' page: opened by signing in, or by a link or frame for one call and then another.

A session is a random token that only the browser knows; the ledger holds its digest. It ends by itself some hours
after it was last used, at the latest after a long shift, and at once when its operator is disabled or gets another
password.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from connectors.base import CardRef
from plugin.auth.digests import encoded, token_digest
from plugin.auth.visitor import LinkedCall, Role, normal_login
from plugin.common.clock import Now
from plugin.errors import LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.access import second_factors, session_calls, sessions, users

#: However much it is used: after signing in, unless it may rest even longer; after a link or frame was opened.
_LONGEST_SIGNED_IN = timedelta(hours=16)
_LONGEST_VISIT = timedelta(hours=12)
#: Use is noted when it moves the end by so much of the session's length: not with every request.
_NOTED = 0.05
#: Requests that a browser sent with the same cookie arrive so close to each other.
_MOMENT = timedelta(seconds=10)

_OF_TOKEN = (
    select(
        sessions.c.id,
        sessions.c.user_ref,
        sessions.c.operator,
        sessions.c.csrf,
        sessions.c.created_at,
        sessions.c.expires_at,
        users.c.role,
        second_factors.c.confirmed_at,
    )
    .outerjoin(users, users.c.id == sessions.c.user_ref)
    .outerjoin(second_factors, second_factors.c.user_ref == sessions.c.user_ref)
    .where(
        sessions.c.token == bindparam("digest"),
        sessions.c.expires_at > bindparam("now"),
        users.c.disabled_at.is_(None),
    )
)
# Locked: whoever is disabled at this moment is let in before, and put out by that, or not let in.
_USER = select(users.c.disabled_at).where(users.c.login == bindparam("login")).with_for_update()
_OPEN = (
    sessions.c.user_ref.is_(None),
    sessions.c.operator == bindparam("operator"),
    sessions.c.expires_at > bindparam("now"),
)
# Locked: a request that opens another call at the same moment waits, and then finds the token replaced.
_LINKED = select(sessions.c.id).where(sessions.c.token == bindparam("digest"), *_OPEN).with_for_update()
_REPLACED = select(sessions.c.id, sessions.c.token).where(
    sessions.c.replaced == bindparam("digest"), sessions.c.replaced_until > bindparam("now"), *_OPEN
)
_CALLS = select(session_calls).where(session_calls.c.session_ref == bindparam("session"))
_CALL = _CALLS.where(session_calls.c.call_id == bindparam("call"))
_NEWEST_CALL = _CALLS.order_by(session_calls.c.opened_at.desc(), session_calls.c.id.desc()).limit(1)
_FORGET_CALL = delete(session_calls).where(
    session_calls.c.session_ref == bindparam("session"), session_calls.c.call_id == bindparam("call")
)


class OperatorDisabled(Exception):
    """The operator whom a link or a frame names may no longer use the page."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that has not ended. ``is_linked``: opened by a link or a frame, for its calls only.

    ``has_second_factor``: its user has one that is switched on.
    """

    id: int
    operator: str
    role: Role
    csrf: str
    is_linked: bool
    has_second_factor: bool = False


class Sessions:
    """The sessions of a ledger, which end ``idle`` after they were last used. Thread-safe. Raises LedgerUnavailable.

    ``key`` makes the token that follows another one; it is the same in all processes.
    """

    def __init__(self, ledger: Ledger, now: Now, idle: timedelta, key: bytes) -> None:
        self._ledger = ledger
        self._now = now
        self._idle = idle
        self._key = key

    # --- opening ---------------------------------------------------------------------------------

    def sign_in(self, user_id: int, login: str, password_at: datetime, previous: str | None = None) -> str | None:
        """Open a session of a user whose password was right; its token. ``previous`` ends: no token outlives a sign-in.

        None where the password was changed, or the user disabled, since it was looked at (``password_at``).
        """
        with self._ledger.write() as connection:
            now = self._now()
            self._clean(connection, now)
            if previous is not None:
                _end(connection, [token_digest(previous)])
            unchanged = (users.c.id == user_id, users.c.password_at == password_at, users.c.disabled_at.is_(None))
            if not connection.execute(update(users).where(*unchanged).values(signed_in_at=now)).rowcount:
                return None
            return self._new(connection, now, user_id, login)[1]

    def open_call(self, operator: str, call: LinkedCall, previous: str | None = None) -> str:
        """Open a session for this call, or add the call to the operator's linked session; its token.

        A ``previous`` session of the same operator continues under the next token, so that other tabs can still send;
        another operator's ends. Two calls opened at the same moment share one session. Raises OperatorDisabled.
        """
        with self._ledger.write() as connection:
            user = connection.execute(_USER, {"login": normal_login(operator)}).one_or_none()
            if user is not None and user.disabled_at is not None:
                raise OperatorDisabled
            now = self._now()
            self._clean(connection, now)
            going_on = previous and self._goes_on(connection, previous, operator, now)
            if not going_on:
                if previous is not None:
                    _end(connection, [token_digest(previous)])
                going_on = self._new(connection, now, None, operator)
            session, token = going_on
            _put(connection, session, call, now)
            return token

    def tell_of(self, session: Session, call: LinkedCall) -> None:
        """Store what a button of the CRM told of a call, for a session that may open any call."""
        with self._ledger.write() as connection:
            _put(connection, session.id, call, self._now())

    # --- looking ---------------------------------------------------------------------------------

    def find(self, token: str) -> Session | None:
        """The session of this token, if it has not ended; finding it counts as use."""
        now = self._now()
        with self._ledger.read() as connection:
            row = connection.execute(_OF_TOKEN, {"digest": token_digest(token), "now": now}).one_or_none()
        if row is None:
            return None
        longest = _LONGEST_VISIT if row.user_ref is None else max(self._idle, _LONGEST_SIGNED_IN)
        self._note_use(row.id, row.created_at + longest, row.expires_at, now)
        is_linked, has_second_factor = row.user_ref is None, row.confirmed_at is not None
        return Session(row.id, row.operator, row.role or "operator", row.csrf, is_linked, has_second_factor)

    def call(self, session: Session, call_id: str | None) -> LinkedCall | None:
        """What the session knows of this call, or of the latest one opened; None if it was not opened for it."""
        with self._ledger.read() as connection:
            if call_id is None:
                row = connection.execute(_NEWEST_CALL, {"session": session.id}).one_or_none()
            else:
                row = connection.execute(_CALL, {"session": session.id, "call": call_id}).one_or_none()
        return None if row is None else _call_of(row)

    def recent_call_of(self, token: str, card: CardRef, within: timedelta) -> str | None:
        """The id under which this browser opened a call for this card, if that was not longer ago."""
        found = self.find(token)
        if found is None:
            return None
        wanted = _CALLS.where(
            session_calls.c.card_type == card.type,
            session_calls.c.card_id == card.id,
            session_calls.c.opened_at > self._now() - within,
        ).order_by(session_calls.c.opened_at.desc(), session_calls.c.id.desc())
        with self._ledger.read() as connection:
            row = connection.execute(wanted.limit(1), {"session": found.id}).one_or_none()
        return None if row is None else str(row.call_id)

    # --- ending ----------------------------------------------------------------------------------

    def end(self, *tokens: str) -> None:
        """End the sessions of these tokens."""
        with self._ledger.write() as connection:
            _end(connection, [token_digest(token) for token in tokens])

    # --- details ---------------------------------------------------------------------------------

    def _new(self, connection: Connection, now: datetime, user_id: int | None, operator: str) -> tuple[int, str]:
        token = secrets.token_urlsafe(32)
        row = {
            "token": token_digest(token),
            "user_ref": user_id,
            "operator": operator,
            "csrf": secrets.token_urlsafe(32),
            "created_at": now,
            "expires_at": now + (min(self._idle, _LONGEST_VISIT) if user_id is None else self._idle),
        }
        made = connection.execute(insert(sessions).returning(sessions.c.id), row).scalar_one()
        return int(made), token

    def _goes_on(self, connection: Connection, token: str, operator: str, now: datetime) -> tuple[int, str] | None:
        """The linked session of this operator that has this token, or had it a moment ago, and its next token."""
        digest, following = token_digest(token), self._following(token)
        asked = {"digest": digest, "now": now, "operator": operator}
        row = connection.execute(_LINKED, asked).one_or_none()
        if row is not None:
            renewed = {"token": token_digest(following), "created_at": now}
            renewed |= {"expires_at": now + min(self._idle, _LONGEST_VISIT)}
            before = {"replaced": digest, "replaced_until": now + _MOMENT}
            connection.execute(update(sessions).where(sessions.c.id == row.id).values(**renewed, **before))
            return int(row.id), following
        row = connection.execute(_REPLACED, asked).one_or_none()
        return (int(row.id), following) if row is not None and row.token == token_digest(following) else None

    def _following(self, token: str) -> str:
        """The token after this one: the same for requests that were sent at once, and unpredictable without the key."""
        return base64.urlsafe_b64encode(hmac.digest(self._key, encoded(token), "sha256")).decode().rstrip("=")

    def _note_use(self, session: int, latest: datetime, expires: datetime, now: datetime) -> None:
        until = min(now + self._idle, latest)
        if until - expires > self._idle * _NOTED:
            # An operator on the phone does not wait for a busy ledger.
            with suppress(LedgerUnavailable), self._ledger.write() as connection:
                connection.execute(update(sessions).where(sessions.c.id == session).values(expires_at=until))

    def _clean(self, connection: Connection, now: datetime) -> None:
        gone = select(sessions.c.id).where(sessions.c.expires_at <= now)
        connection.execute(delete(session_calls).where(session_calls.c.session_ref.in_(gone)))
        connection.execute(delete(sessions).where(sessions.c.expires_at <= now))


def _end(connection: Connection, digests: list[str]) -> None:
    meant = select(sessions.c.id).where(sessions.c.token.in_(digests))
    connection.execute(delete(session_calls).where(session_calls.c.session_ref.in_(meant)))
    connection.execute(delete(sessions).where(sessions.c.token.in_(digests)))


def _put(connection: Connection, session: int, call: LinkedCall, now: datetime) -> None:
    connection.execute(_FORGET_CALL, {"session": session, "call": call.id})
    card = call.card
    row = {
        "session_ref": session,
        "call_id": call.id,
        "phone": call.phone,
        "card_type": card.type if card else None,
        "card_id": card.id if card else None,
        "name": call.name,
        "card_url": call.card_url,
        "script": call.script,
        "opened_at": now,
    }
    connection.execute(insert(session_calls), row)


def _call_of(row: Any) -> LinkedCall:
    card = CardRef(row.card_type, row.card_id) if row.card_type and row.card_id else None
    return LinkedCall(row.call_id, row.phone, card, row.name, row.card_url, row.script)
