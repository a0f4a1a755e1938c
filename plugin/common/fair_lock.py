"""A lock that serves its waiters in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque


class FairLock:
    """A first-come, first-served lock. A plain lock goes to the quickest thread and can keep others waiting."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._holder: int | None = None

    @property
    def is_mine(self) -> bool:
        """Whether the calling thread has the turn."""
        return self._holder == threading.get_ident()

    @property
    def waiting(self) -> int:
        """How many wait for it."""
        return len(self._waiting)

    def take(self, seconds: float) -> bool:
        """Wait for the turn; whether it came within ``seconds``."""
        with self._lock:
            if self._holder is None:
                self._holder = threading.get_ident()
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if not mine.acquire(timeout=seconds):
            with self._lock:
                if mine in self._waiting:
                    self._waiting.remove(mine)
                    return False
            # It was handed over in this very moment.
        self._holder = threading.get_ident()
        return True

    def give_back(self) -> None:
        """End the turn: the next in line has it."""
        with self._lock:
            if self._waiting:
                # Never without a holder in between, or a thread that comes now would go first.
                self._holder = 0
                self._waiting.popleft().release()
            else:
                self._holder = None
