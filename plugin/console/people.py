"""People who may sign in, changed by a person at the console: what may not be done to oneself, and what is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from plugin.auth.open_sessions import OpenSessions
from plugin.auth.second_factor import reset_second_factor
from plugin.auth.users import User, Users
from plugin.auth.visitor import ROLE_WORDS, ROLES, Role, normal_login
from plugin.common.clock import Now
from plugin.errors import InputError
from plugin.ledger import Ledger
from plugin.ledger.audit import Act, Actor, record


def note_act(ledger: Ledger, act: Act, by: str, at: datetime, details: Mapping[str, Any]) -> None:
    """Write a line of the log of what people did by hand."""
    with ledger.write() as connection:
        record(connection, act, Actor(by, ""), at, [{"details": dict(details)}])


class PeopleByHand:
    """What ``by`` does to the users of a ledger. Raises InputError, in Russian, LedgerUnavailable."""

    def __init__(self, ledger: Ledger, users: Users, sessions: OpenSessions, now: Now, by: str) -> None:
        self._ledger = ledger
        self._users = users
        self._sessions = sessions
        self._now = now
        self._by = by

    def add(self, login: str, role: str, password: str) -> User:
        """Add a user."""
        added = self._users.add(login, _role(role), password)
        self._note(added.login, "добавлен", {"role": added.role})
        return added

    def change_role(self, login: str, role: str) -> User:
        """Give the user another role."""
        before = self._other(login, "сменить роль себе")
        changed = self._users.change_role(login, _role(role))
        self._note(changed.login, "роль", {"before": before.role, "after": changed.role})
        return changed

    def disable(self, login: str) -> User:
        """Let the user in no more."""
        self._other(login, "отключить себя")
        return self._done(self._users.disable(login), "отключён")

    def enable(self, login: str) -> User:
        """Let a disabled user in again."""
        return self._done(self._users.enable(login), "включён")

    def change_password(self, login: str, password: str) -> User:
        """Give the user another password."""
        return self._done(self._users.change_password(login, password), "новый пароль")

    def reset_second_factor(self, login: str) -> bool:
        """Switch off the user's second factor; whether there was one."""
        was_on = reset_second_factor(self._ledger, normal_login(login))
        self._note(normal_login(login), "вход с кодом снят", {})
        return was_on

    def end_sessions(self, operator: str, *, but: int | None) -> int:
        """End the sessions of an operator, however they came in."""
        ended = self._sessions.end(operator, but=but)
        details = {"operator": operator, "ended": ended}
        note_act(self._ledger, "sessions", self._by, self._now(), details)
        return ended

    def _other(self, login: str, what: str) -> User:
        user = self._users.find(login)
        if user is None:
            raise InputError("Такого логина нет", hint="Откройте список заново")
        if user.login == normal_login(self._by):
            raise InputError(f"Нельзя {what}", hint="Попросите другого администратора")
        return user

    def _done(self, user: User, did: str) -> User:
        self._note(user.login, did, {})
        return user

    def _note(self, login: str, did: str, details: Mapping[str, Any]) -> None:
        note_act(self._ledger, "user", self._by, self._now(), {"login": login, "did": did, **details})


def _role(text: str) -> Role:
    for role in ROLES:
        if role == text:
            return role
    raise InputError("Такой роли нет", hint=f"Бывают: {', '.join(ROLE_WORDS.values())}")
