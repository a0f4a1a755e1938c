"""The signals that end a service: the first one asks it to finish what it holds, a later one ends it at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: timeout(1), and a parent that passes Ctrl-C on, send the same signal twice: no second wish of anybody's. Seconds.
_SAME_SIGNAL = 2.0


@contextmanager
def signals(received: list[int], *stops: Callable[[], None]) -> Iterator[None]:
    """Within the block SIGTERM and SIGINT call every one of ``stops`` and are noted in ``received``.

    The next one, 2 s later, ends the process at once. Must be entered in the main thread.
    """
    first_at = 0.0

    def stop(signum: int, _frame: FrameType | None) -> None:
        nonlocal first_at
        if received:
            if time.monotonic() - first_at > _SAME_SIGNAL:
                os._exit(128 + signum)
            return
        first_at = time.monotonic()
        received.append(signum)
        for one in stops:
            one()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
