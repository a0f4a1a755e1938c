"""A loop beside everything else in a process: it never dies, and ends without dropping what it holds."""

from __future__ import annotations

import threading
import time
from typing import Protocol

import structlog

from plugin.errors import OptoutError

_LOG = structlog.get_logger(__name__)

#: A loop that broke is started again, after waits that grow to a minute.
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0


class Loop(Protocol):
    """What goes on until ``stop`` is set, and then finishes what it has begun."""

    def run(self, stop: threading.Event) -> None: ...


class LoopThread:
    """A loop in its thread: started again if it breaks, since what it does are promises."""

    def __init__(self, name: str, loop: Loop) -> None:
        self._name = name
        self._loop = loop
        self._stop = threading.Event()
        self._asked_at = 0.0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to finish what it holds; may be called from a signal handler."""
        if not self._stop.is_set():
            self._asked_at = time.monotonic()
            self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended at most ``seconds`` after it was asked to stop."""
        self._thread.join(max(0.0, self._asked_at + seconds - time.monotonic()))
        return not self._thread.is_alive()

    def _run(self) -> None:
        wait = _FIRST_WAIT
        while not self._stop.is_set():
            try:
                self._loop.run(self._stop)
            except OptoutError as error:
                _LOG.error("loop.stopped", loop=self._name, why=str(error), again_in=wait)
            except Exception as error:
                _LOG.error("loop.stopped", loop=self._name, exc_info=error, again_in=wait)
            self._stop.wait(wait)
            wait = min(_LONGEST_WAIT, wait * 2)
