"""The people who sign in to the operators' page: added, disabled and given passwords by the admin or integrator."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from plugin.auth.open_sessions import end_sessions_of, end_sign_ins_of
from plugin.auth.password_rules import check_rules
from plugin.auth.passwords import Passwords
from plugin.auth.visitor import Role, normal_login
from plugin.common.clock import Now
from plugin.errors import InputError
from plugin.ledger import Ledger
from plugin.ledger.access import second_factors, users

_LOGIN = re.compile(r"[^\W_][\w.@+-]{0,63}")
_BY_LOGIN = select(users).where(users.c.login == bindparam("wanted"))
_ALL = select(users).order_by(users.c.login)
_WITH_SECOND_FACTOR = select(users.c.login).join(second_factors).where(second_factors.c.confirmed_at.is_not(None))


@dataclass(frozen=True, slots=True)
class User:
    """A user who may sign in, or may no longer (``disabled_at``). ``password_hash`` is not shown anywhere."""

    id: int
    login: str
    role: Role
    password_hash: str
    created_at: datetime
    password_at: datetime
    signed_in_at: datetime | None
    disabled_at: datetime | None

    def __repr__(self) -> str:
        return f"User({self.login!r}, {self.role!r})"


class Users:
    """The users of a ledger. Raises InputError, in Russian, for what cannot be done; LedgerUnavailable."""

    def __init__(self, ledger: Ledger, passwords: Passwords, now: Now) -> None:
        self._ledger = ledger
        self._passwords = passwords
        self._now = now

    def add(self, login: str, role: Role, password: str) -> User:
        """Add a user; the login is stored in lower case."""
        login = checked_login(login)
        check_rules(password, login)
        digest = self._passwords.hash(password)
        try:
            with self._ledger.write() as connection:
                now = self._now()
                row = {"login": login, "role": role, "password_hash": digest, "created_at": now, "password_at": now}
                connection.execute(insert(users), row)
                return self._of(connection, login)
        except IntegrityError as error:
            raise InputError(f"Логин {login} уже есть", hint=f"Новый пароль: optout user passwd {login}") from error

    def all(self) -> Sequence[User]:
        """All users, by login."""
        with self._ledger.read() as connection:
            return [_user(row) for row in connection.execute(_ALL)]

    def with_second_factor(self) -> frozenset[str]:
        """The logins that have a second factor switched on."""
        with self._ledger.read() as connection:
            return frozenset(connection.execute(_WITH_SECOND_FACTOR).scalars())

    def find(self, login: str) -> User | None:
        """The user of this login, however it was typed."""
        with self._ledger.read() as connection:
            row = connection.execute(_BY_LOGIN, {"wanted": normal_login(login)}).one_or_none()
        return None if row is None else _user(row)

    def change_role(self, login: str, role: Role) -> User:
        """Let the user do other things, from the next request on."""
        with self._ledger.write() as connection:
            user = self._of(connection, login)
            connection.execute(update(users).where(users.c.id == user.id).values(role=role))
            return self._of(connection, login)

    def disable(self, login: str) -> User:
        """Disable the login, end its sessions, and refuse the links and frames that name it; again changes nothing."""
        with self._ledger.write() as connection:
            user = self._of(connection, login)
            if user.disabled_at is None:
                connection.execute(update(users).where(users.c.id == user.id).values(disabled_at=self._now()))
            end_sessions_of(connection, user.login)
            return self._of(connection, login)

    def enable(self, login: str) -> User:
        """Let a disabled user sign in again, with the same password."""
        with self._ledger.write() as connection:
            user = self._of(connection, login)
            connection.execute(update(users).where(users.c.id == user.id).values(disabled_at=None))
            return self._of(connection, login)

    def change_password(self, login: str, password: str) -> User:
        """Set another password and end the sessions opened with the old one."""
        check_rules(password, normal_login(login))
        digest = self._passwords.hash(password)
        with self._ledger.write() as connection:
            user = self._of(connection, login)
            values: dict[str, Any] = {"password_hash": digest, "password_at": self._now()}
            connection.execute(update(users).where(users.c.id == user.id).values(**values))
            end_sign_ins_of(connection, user.id)
            return self._of(connection, login)

    def hash_again(self, user: User, password: str) -> None:
        """Keep the password under argon2's present parameters, unless it was changed meanwhile."""
        digest = self._passwords.hash(password)
        same = (users.c.id == user.id, users.c.password_hash == user.password_hash)
        with self._ledger.write() as connection:
            connection.execute(update(users).where(*same).values(password_hash=digest))

    def _of(self, connection: Connection, login: str) -> User:
        row = connection.execute(_BY_LOGIN, {"wanted": normal_login(login)}).one_or_none()
        if row is None:
            raise InputError(f"Логина {normal_login(login)[:64]!r} нет", hint="Логины печатает optout user list")
        return _user(row)


def checked_login(login: str) -> str:
    """The login as it is kept. Raises InputError for one that cannot be one."""
    normal = normal_login(login)
    if not _LOGIN.fullmatch(normal):
        raise InputError("Такой логин не годится", hint="До 64 букв, цифр и знаков . _ - + @, первой — буква или цифра")
    return normal


def _user(row: Any) -> User:
    return User(**row._mapping)
