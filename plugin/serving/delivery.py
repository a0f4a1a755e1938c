"""The delivery loop beside everything else in a process: it never dies, and ends without dropping what it holds."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import structlog

from plugin.errors import OptoutError

if TYPE_CHECKING:
    from plugin.delivery import Worker

_LOG = structlog.get_logger(__name__)

#: A delivery loop that broke is started again, after waits that grow to a minute.
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0


class DeliveryThread:
    """The delivery loop in its thread: started again if it breaks, since deliveries are promises."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._stop = threading.Event()
        self._asked_at = 0.0
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

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
                self._worker.run(self._stop)
            except OptoutError as error:
                _LOG.error("delivery.stopped", why=str(error), again_in=wait)
            except Exception as error:
                _LOG.error("delivery.stopped", exc_info=error, again_in=wait)
            self._stop.wait(wait)
            wait = min(_LONGEST_WAIT, wait * 2)
