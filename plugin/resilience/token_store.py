"""What an account of a CRM must remember beyond the process, such as renewed tokens, shared by every process.

A process that changes a value holds a lease on it meanwhile, outside of any transaction, since a change may ask the
CRM; one that dies in the middle leaves the value as it was, and after its lease another process may change it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import Connection, bindparam, select, update

from connectors.base import CrmUnavailable, Limits
from plugin.common.clock import Now
from plugin.errors import LedgerUnavailable
from plugin.ledger.connected import account_values
from plugin.ledger.database import Ledger
from plugin.ledger.insert import lock_or_insert

_LOG = structlog.get_logger(__name__)

#: Beyond the longest exchange with the CRM, in seconds: the turn at its quota, and a slow ledger.
_MARGIN = 30.0
#: The longest wait for a turn, in seconds: a delivery's own lease runs meanwhile.
_LONGEST_WAIT = 20.0
_POLL = 0.1
#: What was exchanged with the CRM cannot be had twice: it is tried so often to keep it.
_TRIES_TO_KEEP = 5

_c = account_values.c
_THIS = (_c.account == bindparam("of"), _c.name == bindparam("called"))
_ROW = select(_c.value, _c.version, _c.owner, _c.lease_until).where(*_THIS)
_LOCKED = _ROW.with_for_update()
_CHANGE = update(account_values).where(*_THIS)


@dataclass(frozen=True, slots=True)
class _Held:
    """A value as it stood when the turn was taken."""

    value: str | None
    version: int


class LedgerStore:
    """The values of one ``account``: ``connectors.base.Store``. Thread-safe.

    ``limits`` say how long one exchange with the CRM may take; ``monotonic`` and ``sleep`` are in seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        account: str,
        limits: Limits,
        now: Now,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger = ledger
        self._account = account
        self._lease = limits.connect_seconds + limits.read_seconds + _MARGIN
        self._now = now
        self._monotonic = monotonic
        self._sleep = sleep
        self._owner = secrets.token_hex(8)
        self._turn = threading.Lock()
        # Exchanged with the CRM while the ledger could not be written: the version it follows on, and the value.
        self._unkept: dict[str, _Held] = {}

    def get(self, name: str) -> str | None:
        """The value kept under this name. Raises CrmUnavailable where it cannot be read now."""
        with _unavailable(), self._ledger.read() as connection:
            row = connection.execute(_ROW, self._named(name)).one_or_none()
        return self._newest(name, _Held(row.value, row.version) if row else _Held(None, 0)).value

    def change(self, name: str, change: Callable[[str | None], str]) -> str:
        """Keep ``change(value kept now)`` and return it; only one caller of all processes is in ``change`` at a time.

        Where ``change`` raises, nothing is kept. Raises CrmUnavailable where it is not its turn in time, or where the
        value cannot be kept now: this process then goes on with it and keeps it at the next chance.
        """
        until = self._monotonic() + _LONGEST_WAIT
        if not self._turn.acquire(timeout=_LONGEST_WAIT):
            raise _not_yet()
        try:
            held = self._newest(name, self._take(name, until))
            try:
                value = change(held.value)
            except BaseException:
                self._give_back(name)
                raise
            self._keep(name, held, value)
            return value
        finally:
            self._turn.release()

    # --- details ---------------------------------------------------------------------------------

    def _newest(self, name: str, held: _Held) -> _Held:
        """What the ledger holds, or what this process could not put there yet and no other has overtaken."""
        unkept = self._unkept.get(name)
        if unkept is None:
            return held
        if unkept.version != held.version:
            self._unkept.pop(name, None)
            return held
        return unkept

    def _take(self, name: str, until: float) -> _Held:
        wait = _POLL
        while True:
            with _unavailable(), self._ledger.write() as connection:
                held = self._taken(connection, name)
            if held is not None:
                return held
            if self._monotonic() + wait > until:
                raise _not_yet()
            self._sleep(wait)
            wait = min(1.0, wait * 2)

    def _taken(self, connection: Connection, name: str) -> _Held | None:
        """The value, now ours to change; None while another process changes it."""
        blank = {"account": self._account, "name": name, "version": 0}
        row = lock_or_insert(connection, account_values, _LOCKED, self._named(name), lambda: blank)
        moment = self._ledger.moment(connection, self._now)
        lease = timedelta(seconds=self._lease)
        # A lease much longer than any is that of a clock that was set back since.
        if row.owner is not None and moment < row.lease_until <= moment + 2 * lease:
            return None
        if row.owner is not None:
            _LOG.warning("store.taken_over", account=self._account, value_name=name)
        connection.execute(_CHANGE.values(owner=self._owner, lease_until=moment + lease), self._named(name))
        return _Held(row.value, row.version)

    def _keep(self, name: str, held: _Held, value: str) -> None:
        wait = _POLL
        for attempt in range(1, _TRIES_TO_KEEP + 1):
            try:
                with self._ledger.write() as connection:
                    kept = self._kept(connection, name, held, value)
                break
            except LedgerUnavailable as error:
                if attempt == _TRIES_TO_KEEP:
                    self._unkept[name] = _Held(value, held.version)
                    _LOG.error("store.not_kept", account=self._account, value_name=name, why=error.message)
                    raise _away(error) from error
                self._sleep(wait)
                wait *= 2
        self._unkept.pop(name, None)
        if not kept:
            raise CrmUnavailable("somebody else has changed what the account keeps meanwhile", after=1.0)

    def _kept(self, connection: Connection, name: str, held: _Held, value: str) -> bool:
        """Whether it is kept now: no process that took the turn over has kept anything since."""
        row = connection.execute(_LOCKED, self._named(name)).one()
        if row.version != held.version:
            return False
        changed = {"value": value, "version": row.version + 1}
        if row.owner == self._owner:
            changed |= {"owner": None, "lease_until": None}
        connection.execute(_CHANGE.values(**changed), self._named(name))
        return True

    def _give_back(self, name: str) -> None:
        mine = _CHANGE.where(_c.owner == self._owner).values(owner=None, lease_until=None)
        # It runs out by itself, if need be.
        with suppress(LedgerUnavailable), self._ledger.write() as connection:
            connection.execute(mine, self._named(name))

    def _named(self, name: str) -> dict[str, str]:
        return {"of": self._account, "called": name}


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except LedgerUnavailable as error:
        raise _away(error) from error


def _away(error: LedgerUnavailable) -> CrmUnavailable:
    return CrmUnavailable(f"what the account keeps cannot be had: {error.message}", after=float(error.retry_after))


def _not_yet() -> CrmUnavailable:
    return CrmUnavailable("somebody else is changing what the account keeps", after=5.0)
