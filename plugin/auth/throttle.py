"""Slows guessing of passwords: after some failures each further try has to wait, longer each time.

Counted by account and by the client's address, or by the browser where its owner has signed in by it before; in the
ledger, so that every process knows of every try. A try is
counted before its password is looked at, and given back if it was right: tries made at once get through no more often
than tries made one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from plugin.auth.digests import derived_key, keyed_digest
from plugin.common.clock import Now
from plugin.ledger import Ledger
from plugin.ledger.access import sign_in_failures as failures

#: After so long without a failure all is forgotten.
_FORGOTTEN = timedelta(hours=24)
_TRIES = 3
_OF_KEY = select(failures).where(failures.c.key == bindparam("wanted")).with_for_update()


#: A client whose proxy does not say who it is in a way that can be read; all of them count as one.
UNKNOWN_CLIENT = "unknown"


def throttle_key(secret: str) -> bytes:
    """What a deployment's counts are kept under, of ``[page] secret``."""
    return derived_key(secret, "sign-in failures")


@dataclass(frozen=True, slots=True)
class Pace:
    """The first ``free`` failures cost nothing; then the wait begins at ``first`` and doubles up to ``longest``."""

    free: int
    first: timedelta
    longest: timedelta

    def wait(self, count: int) -> timedelta:
        """How long to wait after the ``count``-th failure."""
        beyond = count - self.free
        return timedelta() if beyond < 0 else min(self.longest, self.first * 2 ** min(beyond, 20))


#: For an account with a browser that is not known for it, and for one that is.
BY_ACCOUNT = Pace(5, timedelta(seconds=5), timedelta(minutes=5))
#: A whole office may share an address.
BY_ADDRESS = Pace(30, timedelta(seconds=5), timedelta(minutes=15))


class Throttle:
    """The failures of a ledger. ``key`` makes the digests that stand for accounts and addresses. Thread-safe."""

    def __init__(self, ledger: Ledger, key: bytes, now: Now) -> None:
        self._ledger = ledger
        self._key = key
        self._now = now

    def begin(self, login: str, address: str, device: str | None = None) -> int:
        """Count a try. Returns 0, or the seconds to wait before another one; then it is not to be made.

        ``device``: the browser that is known for this account. Raises LedgerUnavailable.
        """
        for last in range(_TRIES, 0, -1):
            try:
                with self._ledger.write() as connection:
                    return self._count(connection, self._keys(login, address, device))
            except IntegrityError:
                # Another process has just counted the first failure of the same account or address.
                if last == 1:
                    raise
        raise AssertionError

    def succeeded(self, login: str, address: str, device: str | None = None) -> None:
        """The password was right: the account's failures, or the browser's, are forgotten; the address has one less.

        What strangers failed is not forgotten where the browser is known: they get no more tries by it.
        """
        forgotten, *others = self._keys(login, address, device)
        with self._ledger.write() as connection:
            connection.execute(delete(failures).where(failures.c.key == forgotten[0]))
            self._one_less(connection, others)

    def not_tried(self, login: str, address: str, device: str | None = None) -> None:
        """The password could not be looked at: the try does not count."""
        with self._ledger.write() as connection:
            self._one_less(connection, self._keys(login, address, device))

    def _one_less(self, connection: Connection, keys: Sequence[tuple[str, Pace]]) -> None:
        fewer = {"failures": failures.c.failures - 1, "not_before": self._now()}
        for key, _ in sorted(keys):
            connection.execute(update(failures).where(failures.c.key == key, failures.c.failures > 0).values(**fewer))

    def has_seen(self, address: str) -> bool:
        """Whether somebody has tried to sign in from this address lately."""
        with self._ledger.read() as connection:
            since = self._ledger.moment(connection, self._now) - _FORGOTTEN
            key = keyed_digest(self._key, f"address:{address}")
            row = connection.execute(select(failures.c.key).where(failures.c.key == key, failures.c.last_at > since))
            return row.one_or_none() is not None

    def _count(self, connection: Connection, keys: Sequence[tuple[str, Pace]]) -> int:
        now = self._ledger.moment(connection, self._now)
        connection.execute(delete(failures).where(failures.c.last_at < now - _FORGOTTEN))
        # Every process locks in the same order, so that none wait for each other.
        rows = {key: connection.execute(_OF_KEY, {"wanted": key}).one_or_none() for key, _ in sorted(keys)}
        waits = [row.not_before - now for row in rows.values() if row is not None]
        if (longest := max(waits, default=timedelta())) > timedelta():
            return ceil(longest.total_seconds())
        for key, pace in sorted(keys):
            row = rows[key]
            count = 1 if row is None else row.failures + 1
            self._put(connection, key, count, now, pace, is_new=row is None)
        return 0

    def _put(self, connection: Connection, key: str, count: int, now: datetime, pace: Pace, *, is_new: bool) -> None:
        values = {"failures": count, "last_at": now, "not_before": now + pace.wait(count)}
        if is_new:
            connection.execute(insert(failures), {"key": key} | values)
        else:
            connection.execute(update(failures).where(failures.c.key == key).values(**values))

    def _keys(self, login: str, address: str, device: str | None) -> Sequence[tuple[str, Pace]]:
        if device is not None:
            return [(keyed_digest(self._key, f"device:{login}\n{device}"), BY_ACCOUNT)]
        account, client = (keyed_digest(self._key, name) for name in (f"account:{login}", f"address:{address}"))
        return [(account, BY_ACCOUNT), (client, BY_ADDRESS)]
