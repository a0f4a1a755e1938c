"""The CRM account's quota, shared by all processes of a ledger: a bucket of requests; each takes a few of them at once.

In any span of T seconds all of them together make at most ``requests_per_second`` · T + ``burst`` requests. A request
that was taken and is not made soon is given up, not saved: nothing adds up to more than the quota later. While the CRM
has blocked the account (``plugin.resilience.breaker``) only a probe gets a turn: every call makes it worse.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import Connection, bindparam, select, update

from connectors.base import Limits
from connectors.protocol.limits import AccountShut
from plugin.common.clock import Now
from plugin.errors import LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.insert import lock_or_insert
from plugin.ledger.schema import UtcTime, breakers, quotas
from plugin.resilience.backoff import LONGEST_TURN

_LOG = structlog.get_logger(__name__)

#: Requests are taken for no longer than this ahead, and kept for no longer; seconds.
_AHEAD = 1.0
#: The most taken at once.
_MOST = 100

#: While the account is blocked nobody is told to come again sooner or later than this; asking costs nothing. Seconds.
_SOONEST, _LATEST = 1.0, 60.0

_BLOCKED = select(breakers.c.probed_at, breakers.c.probe_wait).where(
    breakers.c.account == bindparam("account"), breakers.c.blocked
)
_BUCKET = select(quotas.c.full_at).where(quotas.c.account == bindparam("account")).with_for_update()
_UNTIL = bindparam("until", type_=UtcTime)
_HOLD = update(quotas).where(quotas.c.account == bindparam("of"), quotas.c.full_at < _UNTIL).values(full_at=_UNTIL)
_DRAW = update(quotas).where(quotas.c.account == bindparam("of"))


@dataclass(frozen=True, slots=True)
class QuotaTerms:
    """What an account's limits come to, in seconds: the ``interval`` between requests, the ``slack`` of a full bucket,
    how long a taken one ``keeps``, and ``most`` requests taken at once.

    What keeping can add to a span is held back from the burst.
    """

    interval: float
    slack: float
    keeps: float
    most: int

    @classmethod
    def of(cls, limits: Limits) -> QuotaTerms:
        rate, burst = limits.requests_per_second, limits.burst
        keeps = min(_AHEAD, (burst - 1) / 2 / rate)
        return cls(1 / rate, (burst - 1) / rate - keeps, keeps, max(1, min(_MOST, int(rate * _AHEAD))))


class _Turn(NamedTuple):
    """A request that was taken: when it may be made, and until when, by the process's own clock."""

    at: float
    until: float


_probe = threading.local()


@contextmanager
def probing() -> Iterator[None]:
    """In this block the thread's requests get turns even while the account is blocked."""
    _probe.is_one = True
    try:
        yield
    finally:
        _probe.is_one = False


def is_probing() -> bool:
    """Whether this thread is in such a block."""
    return getattr(_probe, "is_one", False)


class SharedQuota:
    """One process's way to the quota of ``account``. Thread-safe; ``clock`` and ``sleep`` are in seconds.

    Few queries: the more requests are made, the more are taken at once.
    """

    def __init__(
        self,
        ledger: Ledger,
        account: str,
        limits: Limits,
        now: Now,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger = ledger
        self._account = account
        self._terms = QuotaTerms.of(limits)
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._held: deque[_Turn] = deque()
        self._wanted = 1
        self._used = 0

    def acquire(self, longest: float) -> float:
        """Wait for a turn and return 0.0; if it is more than ``longest`` seconds away, take none and return how far.

        Never waits longer than 10 s. While the ledger cannot be asked there are no turns. Raises AccountShut while the
        CRM has blocked the account.
        """
        longest = min(longest, LONGEST_TURN)
        with self._lock:
            self._give_up_old()
            if not self._held:
                too_far = self._take_more(longest)
                if too_far is not None:
                    return too_far
            wait = self._held[0].at - self._clock()
            if wait > longest:
                return wait
            self._held.popleft()
            self._used += 1
        if wait > 0:
            self._sleep(wait)
        return 0.0

    def hold(self, seconds: float) -> None:
        """Give no process a turn for so long. Where the ledger cannot be asked, this one holds back all the same."""
        with self._lock:
            self._held.clear()
        try:
            with self._ledger.write() as connection:
                name = {"account": self._account}
                now = self._ledger.moment(connection, self._now)
                lock_or_insert(connection, quotas, _BUCKET, name, lambda: name | {"full_at": now})
                # The bucket as it would be had so much been asked for that the first turn is then.
                full_at = now + timedelta(seconds=self._terms.slack + min(seconds, LONGEST_TURN))
                connection.execute(_HOLD, {"of": self._account, "until": full_at})
        except LedgerUnavailable as error:
            _LOG.warning("quota.ledger_unavailable", why=error.message)

    def _until_probed(self, connection: Connection, probed_at: datetime | None, wait: float | None) -> float:
        passed = 0.0
        if probed_at is not None:
            passed = (self._ledger.moment(connection, self._now) - probed_at).total_seconds()
        return min(max((wait or 0.0) - passed, _SOONEST), _LATEST)

    def _give_up_old(self) -> None:
        given_up = False
        while self._held and self._held[0].until < self._clock():
            self._held.popleft()
            given_up = True
        if given_up:
            # Fewer were made than taken: take as many as were made, so that others are left theirs.
            self._wanted = max(1, min(self._wanted, self._used))
        elif not self._held and self._used:
            self._wanted = min(self._terms.most, self._wanted * 2)

    def _take_more(self, longest: float) -> float | None:
        """Take as many as are likely to be made soon; where even the first is too far away none, and how far it is."""
        asked = self._clock()
        try:
            with self._ledger.write() as connection:
                waits = self._draw(connection, longest)
        except LedgerUnavailable as error:
            _LOG.warning("quota.ledger_unavailable", why=error.message)
            return float(error.retry_after)
        if waits[0] > longest:
            return waits[0]
        # The ledger's moment was between these two. Made no earlier than it can have meant, and given up no later.
        answered, self._used = self._clock(), 0
        first, *others = (_Turn(answered + wait, asked + wait + self._terms.keeps) for wait in waits)
        # The first one is for the request that waits now, however long that took: a slow ledger must let some pass.
        self._held.append(_Turn(first.at, float("inf")))
        self._held.extend(others)
        return None

    def _draw(self, connection: Connection, longest: float) -> list[float]:
        """How many seconds from now each request taken may be made; a single one beyond ``longest`` is not taken."""
        terms, name = self._terms, {"account": self._account}
        is_probe = is_probing()
        blocked = None if is_probe else connection.execute(_BLOCKED, name).first()
        if blocked is not None:
            raise AccountShut(self._until_probed(connection, blocked.probed_at, blocked.probe_wait))
        row = lock_or_insert(
            connection, quotas, _BUCKET, name, lambda: name | {"full_at": self._ledger.moment(connection, self._now)}
        )
        now = self._ledger.moment(connection, self._now)
        full = max(0.0, (row.full_at - now).total_seconds())
        if full > terms.slack + LONGEST_TURN + terms.most * terms.interval:
            # No request was ever promised that: the clock was set back. Begin with an empty bucket.
            full = terms.slack
        first = full - terms.slack
        if first > longest:
            return [first]
        count = 1 if is_probe else min(self._wanted, 1 + int((longest - first) / terms.interval))
        full_at = now + timedelta(seconds=full + count * terms.interval)
        connection.execute(_DRAW, {"of": self._account, "full_at": full_at})
        return [max(0.0, first + number * terms.interval) for number in range(count)]
