"""A thread-safe rate limit: ``burst`` requests at once, then ``per_second``; no caller waits longer than agreed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


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
