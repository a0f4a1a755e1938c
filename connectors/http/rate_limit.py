"""A thread-safe rate limit: ``burst`` requests at once, then ``per_second``; no caller waits longer than agreed.

Where the CRM says that it was too much all the same, everything is held for a while, each time for longer.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

#: After one "too many requests" nothing goes out for so long, after a second one for twice as long, …; seconds.
_FIRST_HOLD = 1.0
_LONGEST_HOLD = 60.0
#: For so long one is remembered: amoCRM shuts an account after ten within a minute.
_REMEMBERED = 60.0


class RateLimiter:
    """One account's quota, shared by all threads of a client. Clock and sleep are in seconds and can be injected."""

    def __init__(
        self,
        per_second: float,
        burst: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if per_second <= 0 or burst < 1:
            raise ValueError("a rate limit needs per_second above 0 and a burst of at least 1")
        self._interval = 1.0 / per_second
        self._slack = (burst - 1) * self._interval
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        # When the bucket will be full again; behind ``now`` it is full.
        self._full_at = float("-inf")
        self._held_until = float("-inf")
        self._refused: deque[float] = deque()

    def acquire(self, longest: float) -> float:
        """Wait for a turn and return 0.0; if it is more than ``longest`` seconds away, take none and return how far."""
        with self._lock:
            now = self._clock()
            wait = max(0.0, self._full_at - self._slack - now)
            if wait > longest:
                return wait
            self._full_at = max(now, self._full_at) + self._interval
        if wait > 0:
            self._sleep(wait)
        return 0.0

    def hold(self) -> float:
        """It was too much: let nothing go out for a while; returns for how many seconds."""
        with self._lock:
            now = self._clock()
            while self._refused and now - self._refused[0] > _REMEMBERED:
                self._refused.popleft()
            if now < self._held_until and self._refused:
                # A request that was under way when the hold began tells nothing new.
                return self._held_until - now
            seconds: float = min(_FIRST_HOLD * 2.0 ** len(self._refused), _LONGEST_HOLD)
            self._refused.append(now)
            self._held_until = now + seconds
            # The bucket is empty then: no burst follows.
            self._full_at = max(self._full_at, self._held_until + self._slack)
            return seconds
