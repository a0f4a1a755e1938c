"""Signing in: slowed after failures, the same answer and the same time for a wrong name and a wrong password."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import structlog

from plugin.auth.password_rules import LONGEST
from plugin.auth.passwords import Passwords, PasswordsBusy
from plugin.auth.second_factor import SecondFactors
from plugin.auth.throttle import Throttle
from plugin.auth.users import User, Users
from plugin.auth.visitor import normal_login
from plugin.errors import InputError, LedgerUnavailable

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wrong:
    """The login or the password is wrong, or the account is disabled: the answer does not say which."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Too many sign in at this moment: the password was not looked at, and nothing was counted."""


@dataclass(frozen=True, slots=True)
class TooOften:
    """Too many failures: the next try is allowed in so many ``seconds``."""

    seconds: int


class SignIn:
    """Checks login and password. Thread-safe. Raises LedgerUnavailable."""

    def __init__(self, users: Users, passwords: Passwords, throttle: Throttle, second_factors: SecondFactors) -> None:
        self._users = users
        self._passwords = passwords
        self._throttle = throttle
        self._second_factors = second_factors

    def check(
        self, login: str, password: str, address: str, device: str | None = None
    ) -> User | Wrong | TooOften | Busy:
        """The user, if name and password are right and it is not too soon after failures.

        ``device``: the browser, where it is known for this login (``plugin.auth.devices``).
        """
        login = normal_login(login)
        wait = self._throttle.begin(login, address, device)
        if wait:
            _LOG.warning("page.sign_in_slowed", client=address, seconds=wait)
            return TooOften(wait)
        user = self._users.find(login)
        try:
            right = self._passwords.verify(user.password_hash if user else None, password)
        except PasswordsBusy:
            self._throttle.not_tried(login, address, device)
            return Busy()
        if user is None or not right or user.disabled_at is not None or len(password) > LONGEST:
            _LOG.warning("page.sign_in_failed", client=address, user=user.id if user else None)
            return Wrong()
        self._throttle.succeeded(login, address, device)
        if self._passwords.is_outdated(user.password_hash):
            # A password that was taken once still counts where the rules have become stricter.
            with suppress(LedgerUnavailable, InputError, PasswordsBusy):
                self._users.hash_again(user, password)
        return user

    def check_code(self, user: User, code: str, address: str, device: str | None = None) -> bool | TooOften:
        """Whether it is a code of the user's second factor that has not counted yet; guesses are slowed too."""
        counted = f"{user.login} code"
        wait = self._throttle.begin(counted, address, device)
        if wait:
            _LOG.warning("page.sign_in_slowed", client=address, seconds=wait)
            return TooOften(wait)
        if not self._second_factors.check(user.id, code):
            _LOG.warning("page.sign_in_failed", client=address, user=user.id)
            return False
        self._throttle.succeeded(counted, address, device)
        return True
