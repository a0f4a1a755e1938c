"""A background thread that takes out what is due, now or when woken, and tries the rest again later."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger("connectors.embedded")

_LONGEST_WAIT = 60.0
_AFTER_A_FAULT = 5.0

#: How often something is tried before it is given up, and the waits between the tries.
MOST_ATTEMPTS = 20


def wait_before(attempt: int) -> float:
    """Seconds to wait after this many failed attempts: a quarter, then doubling up to a minute."""
    return min(_LONGEST_WAIT, 0.25 * 2.0 ** min(attempt - 1, 10))


class QueueThread:
    """Runs ``work`` in a thread of its own; ``work`` returns the seconds until more is due, or None."""

    def __init__(self, name: str, work: Callable[[], float | None]) -> None:
        self._name = name
        self._work = work
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Something new may be due."""
        self._wake.set()

    def stop(self, timeout: float = 5.0) -> None:
        """Finish what is in hand, if it takes no longer than ``timeout`` seconds."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                wait = self._work()
            except Exception:
                # The thread has nobody above it: an error that ended it would silently keep all later mail back.
                log.exception("%s failed, going on", self._name)
                wait = _AFTER_A_FAULT
            self._wake.wait(wait)
