"""Takes what was written into the chain, again and again, for a small share of the time: others come first."""

from __future__ import annotations

import time
from collections.abc import Callable

from plugin.common.clock import Now
from plugin.ledger.chain.append import BATCH, is_anything_waiting, take_in
from plugin.ledger.database import Ledger

#: Seconds between two looks where little is written.
_PAUSE = 1.0
#: A rush is taken in for a twenty-fifth of the time at most; what waits is taken in after it.
_REST = 24.0


class ChainLoop:
    """Of several processes one adds to the chain at a time; the others find it held and try again later."""

    def __init__(self, ledger: Ledger, now: Now, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._now = now
        self._clock = clock

    def step(self) -> float:
        """Take some in; the seconds until the next time. Raises LedgerUnavailable."""
        with self._ledger.read() as connection:
            if not is_anything_waiting(connection):
                return _PAUSE
        with self._ledger.write() as connection:
            began = self._clock()
            taken = take_in(connection, self._ledger.moment(connection, self._now))
        worked = self._clock() - began
        return worked * _REST if taken >= BATCH else max(_PAUSE, worked * _REST)
