"""Searches for contacts, each made once: what several actions of a call look for together is one request's answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from connectors.base import Card
from plugin.delivery.clock_jumps import Monotonic
from plugin.resilience.reads import Reads

#: So long a search counts as made just now, in seconds: long enough for the actions of one call.
_FRESH = 10.0

_Search = tuple[str, str]


class ContactSearch:
    """Contacts by number and by name. Thread-safe; ``monotonic`` are seconds that no setting of the clock changes.

    Everything raises as reads do; a search that failed is made again by whoever comes next.
    """

    def __init__(self, reads: Reads, monotonic: Monotonic = time.monotonic) -> None:
        self._reads = reads
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._made: dict[_Search, tuple[float, Future[Sequence[Card]]]] = {}

    def by_number(self, number: str) -> Sequence[Card]:
        """The contacts with this number."""
        return self._once(("number", number), lambda: self._reads.find_contact(phone=number))

    def by_name(self, name: str) -> Sequence[Card]:
        """The contacts with this full name."""
        return self._once(("name", name), lambda: self._reads.find_contact(name=name))

    def _once(self, what: _Search, search: Callable[[], Sequence[Card]]) -> Sequence[Card]:
        now = self._monotonic()
        with self._lock:
            self._made = {key: made for key, made in self._made.items() if self._counts(made, now)}
            known = self._made.get(what)
            if known is None:
                mine: Future[Sequence[Card]] = Future()
                self._made[what] = (now, mine)
        if known is not None:
            # Whoever looks for the same waits for this answer.
            return known[1].result()
        try:
            found = search()
        except BaseException as error:
            with self._lock:
                self._made.pop(what, None)
            mine.set_exception(error)
            raise
        mine.set_result(found)
        return found

    @staticmethod
    def _counts(made: tuple[float, Future[Sequence[Card]]], now: float) -> bool:
        return not made[1].done() or now - made[0] < _FRESH
