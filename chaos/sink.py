"""A mail server that really takes mail, and now and then refuses one, drops one, or drops the line after taking one."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from tests.support.mailbox import Mailbox

#: Chance of each fault, for every mail that comes in.
_CHANCES = {"busy": 0.03, "drop_before": 0.03, "drop_after": 0.03}


class FaultyMailbox(Mailbox):
    """A mailbox with faults while it is ``faulty``; ``faults`` counts them."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self.faults: Counter[str] = Counter()
        self.faulty = True
        self._rng = rng

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        fault = self._fault()
        if fault == "busy":
            return "451 busy, try again later"
        if fault != "drop_before":
            self.keep(envelope)
        if fault is not None:
            server.transport.abort()
        return "250 OK"

    def _fault(self) -> str | None:
        with self._lock:
            draw = self._rng.random()
            for kind, chance in _CHANCES.items() if self.faulty else ():
                if draw < chance:
                    self.faults[kind] += 1
                    return kind
                draw -= chance
            return None
