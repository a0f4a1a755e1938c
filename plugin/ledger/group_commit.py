"""Group commit: concurrent writes share one transaction and one fsync.

The first goes at once, and the next takes along those that came meanwhile. Where transactions follow one another they
may be kept a little apart, so that each takes more along and all together cost less.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from sqlalchemy import Connection

from plugin.ledger.database import Ledger

Request = TypeVar("Request")
Result = TypeVar("Result")

#: Requests that one transaction takes, so that none of them becomes long.
_MOST = 100


class _Ticket(Generic[Request, Result]):
    """One thread's requests; in the end ``results``, an ``error``, or ``alone``: they need their own transaction.

    ``turn`` is held until it is settled, or until its own thread is to settle it.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self.requests = requests
        self.turn = threading.Lock()
        self.turn.acquire()
        self.results: Sequence[Result] | None = None
        self.error: BaseException | None = None
        self.alone = False

    @property
    def is_settled(self) -> bool:
        return self.results is not None or self.error is not None or self.alone


class GroupCommit(Generic[Request, Result]):
    """Runs ``work`` on what is submitted, a result for each request in order. Thread-safe.

    ``work`` is handed a transaction; what it returns counts once that is committed. Two requests with the same
    ``subject`` never share one. Where the work on a group fails, each thread's requests get a transaction of their own,
    so that none suffers for another's; where it is unknown whether the commit went through, all get the error.
    ``apart``: the seconds from the beginning of one transaction to that of the next, at least, where they follow one
    another. ``clock`` and ``sleep`` are in seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        work: Callable[[Connection, Sequence[Request]], Sequence[Result]],
        subject: Callable[[Request], Hashable],
        *,
        apart: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger = ledger
        self._work = work
        self._subject = subject
        self._waiting: deque[_Ticket[Request, Result]] = deque()
        self._guard = threading.Lock()
        self._is_led = False
        self._apart = apart
        self._clock = clock
        self._sleep = sleep
        self._began_at = float("-inf")

    def submit(self, requests: Sequence[Request]) -> Sequence[Result]:
        """The results, once they are on the disk. Raises LedgerUnavailable."""
        ticket = _Ticket[Request, Result](requests)
        with self._guard:
            self._waiting.append(ticket)
            leads, self._is_led = not self._is_led, True
        if not leads:
            # Until another thread has settled it, or leaves the lead to this one.
            ticket.turn.acquire()
        if not ticket.is_settled:
            self._lead()
        if ticket.alone:
            with self._ledger.write() as connection:
                return self._work(connection, requests)
        if ticket.error is not None:
            raise ticket.error
        assert ticket.results is not None
        return ticket.results

    def _lead(self) -> None:
        """Settle the tickets that go with the first one, which is this thread's; then the next one's thread leads."""
        try:
            left = self._began_at + self._apart - self._clock()
            if left > 0:
                self._sleep(left)
            self._began_at = self._clock()
            group = self._next()
            try:
                self._settle(group)
            finally:
                for ticket in group[1:]:
                    ticket.turn.release()
        finally:
            with self._guard:
                following = self._waiting[0] if self._waiting else None
                self._is_led = following is not None
            if following is not None:
                following.turn.release()

    def _next(self) -> list[_Ticket[Request, Result]]:
        """The tickets that go together, the first come among them."""
        with self._guard:
            group, left = [self._waiting.popleft()], deque[_Ticket[Request, Result]]()
            taken = {self._subject(request) for request in group[0].requests}
            while self._waiting:
                ticket = self._waiting.popleft()
                subjects = {self._subject(request) for request in ticket.requests}
                if taken & subjects or len(taken) + len(subjects) > _MOST:
                    left.append(ticket)
                else:
                    taken |= subjects
                    group.append(ticket)
            self._waiting = left
        return group

    def _settle(self, group: Sequence[_Ticket[Request, Result]]) -> None:
        begun = worked = False
        try:
            with self._ledger.write() as connection:
                begun = True
                results = self._work(connection, [request for ticket in group for request in ticket.requests])
                worked = True
        except BaseException as error:
            # Before the commit nothing of it can be left; after it, only asking again tells. A ledger that lets none
            # begin does so to each of them: one after the other would wait in vain.
            alone = begun and not worked and len(group) > 1
            for ticket in group:
                ticket.alone = alone
                ticket.error = None if ticket.alone else error
            if not isinstance(error, Exception):
                raise
            return
        start = 0
        for ticket in group:
            ticket.results = results[start : start + len(ticket.requests)]
            start += len(ticket.requests)
