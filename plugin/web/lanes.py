"""Threads of their own for events, people's pages, signing in and long lists: none of them waits for the others."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

from waitress.task import ThreadedTaskDispatcher

Lane = Literal["events", "pages", "passwords", "lists"]
_PAGES = ("/operator", "/console")
#: Where thousands of numbers are asked about at a time.
_LISTS = ("/suppression", "/suppression/check")
#: Where a password is hashed, which takes a processor for a moment.
_PASSWORDS = frozenset(f"/operator/{page}" for page in ("session", "sign-in", "password", "second-factor")) | {
    "/console/users/add",
    "/console/users/password",
}
#: Threads that hash: more would only take the processors from events.
_HASHING = 2
#: What such a thread leaves to the others after each answer, in seconds. Whoever waited in vain is sent away as soon as
#: a thread is free: a crowd all at once would hold up every event of that moment.
_RESTS = 0.1
_LISTING = 2


class Lanes:
    """``threads`` for events and programs, half as many for pages, two for passwords and for lists each."""

    def __init__(self, threads: int, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        counts: dict[Lane, int] = {"events": threads, "pages": max(1, threads // 2), "passwords": _HASHING}
        counts["lists"] = _LISTING
        self._dispatchers = {lane: ThreadedTaskDispatcher() for lane in counts}
        for lane, count in counts.items():
            self._dispatchers[lane].set_thread_count(count)

    def add_task(self, channel: Any) -> None:
        """Have the connection's request answered by a thread of its lane."""
        request = channel.requests[0]
        lane = "events" if request.error else lane_of(request.command, request.path)
        self._dispatchers[lane].add_task(_Rested(channel, self._sleep) if lane == "passwords" else channel)

    def shutdown(self, timeout: float) -> None:
        """End the threads; those that are at work have so many seconds in all."""
        for dispatcher in self._dispatchers.values():
            dispatcher.set_thread_count(0)
        until = time.monotonic() + timeout
        for dispatcher in self._dispatchers.values():
            dispatcher.shutdown(timeout=max(0.0, until - time.monotonic()))


class _Rested:
    """A connection's answer, after which its thread rests."""

    def __init__(self, channel: Any, sleep: Callable[[float], None]) -> None:
        self._channel = channel
        self._sleep = sleep

    def service(self) -> None:
        self._channel.service()
        self._sleep(_RESTS)

    def cancel(self) -> None:
        self._channel.cancel()


def lane_of(method: str, path: str) -> Lane:
    """Whose threads answer a request."""
    if path in _LISTS:
        return "lists"
    if path not in _PAGES and not path.startswith(tuple(f"{one}/" for one in _PAGES)):
        return "events"
    return "passwords" if method == "POST" and path in _PASSWORDS else "pages"
