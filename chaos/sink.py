"""A mail server that really takes mail, and now and then refuses one, drops one, or drops the line after taking one.

It has bad hours besides, in which no mail comes through.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any, Literal

from aiosmtpd.controller import Controller

from tests.support.mailbox import Mailbox

#: Chance of each fault, for every mail that comes in.
_CHANCES = {"busy": 0.03, "drop_before": 0.03, "drop_after": 0.03}
#: What it answers to every mail in a bad hour.
_BAD_HOURS = {"deferring": "451 4.7.1 greylisted, try again later", "policy": "554 5.7.1 rejected as spam"}

#: ``deferring``: each mail is put off; ``policy``: each is refused for good; ``closed``: nobody listens.
BadHour = Literal["deferring", "policy", "closed"]


class FaultyMailbox(Mailbox):
    """A mailbox with faults while it is ``faulty``; ``faults`` counts them, bad hours too."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self.faults: Counter[str] = Counter()
        self.faulty = True
        self._hour: BadHour | None = None
        self._rng = rng

    def begin(self, hour: BadHour) -> None:
        """A bad hour begins."""
        self.faults[f"{hour} hour"] += 1
        self._hour = hour
        if hour == "closed":
            self._controller.stop(no_assert=True)

    def end(self) -> None:
        """It is over."""
        if self._hour == "closed":
            self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
            self._controller.start()
        self._hour = None

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        if self._hour in _BAD_HOURS:
            return _BAD_HOURS[self._hour]
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
