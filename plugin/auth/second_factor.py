"""The second factor of a user: codes of an authenticator, and recovery codes for whoever has lost it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from plugin.auth.digests import keyed_digest
from plugin.auth.open_sessions import end_sign_ins_of
from plugin.auth.sealing import seal, unseal
from plugin.auth.totp import new_secret, step_of
from plugin.common.clock import Now
from plugin.errors import InputError
from plugin.ledger import Ledger
from plugin.ledger.access import second_factors, users

_RECOVERY_CODES = 10
_RECOVERY_BYTES = 10
# Locked: a code that is sent twice at once counts once.
_OF_USER = select(second_factors).where(second_factors.c.user_ref == bindparam("user")).with_for_update()


class SecondFactors:
    """Those of a ledger. ``keys``: the first one seals, any of them opens. Raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, keys: Sequence[bytes], now: Now) -> None:
        self._ledger = ledger
        self._keys = keys
        self._now = now

    def is_on(self, user_id: int) -> bool:
        """Whether the user has one that was confirmed."""
        wanted = select(second_factors.c.confirmed_at).where(second_factors.c.user_ref == user_id)
        with self._ledger.read() as connection:
            return connection.execute(wanted).scalar_one_or_none() is not None

    def begin(self, user_id: int) -> bytes | None:
        """The secret to be put into an authenticator; the same until it is confirmed. None where one is on."""
        with self._ledger.write() as connection:
            row = connection.execute(_OF_USER, {"user": user_id}).one_or_none()
            if row is not None and row.confirmed_at is not None:
                return None
            known = row and unseal(self._keys, row.sealed)
            if known:
                return known[0]
            connection.execute(delete(second_factors).where(second_factors.c.user_ref == user_id))
            secret = new_secret()
            values = {"user_ref": user_id, "sealed": seal(self._keys[0], secret), "recovery": [], "last_step": -1}
            connection.execute(insert(second_factors), values | {"created_at": self._now()})
            return secret

    def confirm(self, user_id: int, code: str) -> Sequence[str] | None:
        """Switch it on by its first code; the recovery codes, which are shown this once. None for a wrong code."""
        with self._ledger.write() as connection:
            row = connection.execute(_OF_USER, {"user": user_id}).one_or_none()
            known = row and row.confirmed_at is None and unseal(self._keys, row.sealed)
            step = known and step_of(known[0], plain(code), self._now())
            if not step:
                return None
            codes = [_recovery_code() for _ in range(_RECOVERY_CODES)]
            digests = [self._digest(user_id, one) for one in codes]
            self._put(connection, user_id, confirmed_at=self._now(), last_step=step, recovery=digests)
            return codes

    def check(self, user_id: int, code: str) -> bool:
        """Whether it is the authenticator's present code or a recovery code; each counts once."""
        with self._ledger.write() as connection:
            row = connection.execute(_OF_USER, {"user": user_id}).one_or_none()
            if row is None or row.confirmed_at is None:
                return False
            return self._check_code(connection, row, plain(code)) or self._check_recovery(connection, row, plain(code))

    def remove(self, user_id: int) -> None:
        """Switch it off."""
        with self._ledger.write() as connection:
            connection.execute(delete(second_factors).where(second_factors.c.user_ref == user_id))

    # --- details ---------------------------------------------------------------------------------

    def _check_code(self, connection: Connection, row: Any, code: str) -> bool:
        known = unseal(self._keys, row.sealed)
        step = known and step_of(known[0], code, self._now(), row.last_step)
        if not known or not step:
            return False
        secret, is_present_key = known
        # Sealed anew after the deployment's key was changed.
        sealed = row.sealed if is_present_key else seal(self._keys[0], secret)
        self._put(connection, row.user_ref, last_step=step, sealed=sealed)
        return True

    def _check_recovery(self, connection: Connection, row: Any, code: str) -> bool:
        for number in range(len(self._keys)):
            digest = self._digest(row.user_ref, code, number)
            if digest in row.recovery:
                self._put(connection, row.user_ref, recovery=[one for one in row.recovery if one != digest])
                return True
        return False

    def _put(self, connection: Connection, user_id: int, **values: Any) -> None:
        connection.execute(update(second_factors).where(second_factors.c.user_ref == user_id).values(**values))

    def _digest(self, user_id: int, code: str, key: int = 0) -> str:
        return keyed_digest(self._keys[key], f"recovery {user_id} {plain(code)}")


def reset_second_factor(ledger: Ledger, login: str) -> bool:
    """Switch a user's second factor off and end the sessions opened by it; whether there was one.

    Raises InputError (Russian) for an unknown login, LedgerUnavailable.
    """
    with ledger.write() as connection:
        user = connection.execute(select(users.c.id).where(users.c.login == login)).scalar_one_or_none()
        if user is None:
            raise InputError("Такого логина нет", hint="Логины печатает optout user list")
        end_sign_ins_of(connection, user)
        return bool(connection.execute(delete(second_factors).where(second_factors.c.user_ref == user)).rowcount)


def plain(code: str) -> str:
    """A code as it is compared: blanks and dashes do not count, nor does the case."""
    return "".join(sign for sign in code if sign not in " -\t").casefold()[:40]


def _recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode("ascii").casefold()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))
