"""Group commit: concurrent writes share one transaction and one fsync.

No write waits for others to come: the first goes at once, and the next takes along those that came meanwhile.
"""

from __future__ import annotations

import threading
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
    """One thread's requests; in the end ``results``, an ``error``, or ``alone``: they need their own transaction."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self.requests = requests
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
    """

    def __init__(
        self,
        ledger: Ledger,
        work: Callable[[Connection, Sequence[Request]], Sequence[Result]],
        subject: Callable[[Request], Hashable],
    ) -> None:
        self._ledger = ledger
        self._work = work
        self._subject = subject
        self._waiting: deque[_Ticket[Request, Result]] = deque()
        self._guard = threading.Lock()
        self._one_at_a_time = threading.Lock()

    def submit(self, requests: Sequence[Request]) -> Sequence[Result]:
        """The results, once they are on the disk. Raises LedgerUnavailable."""
        ticket = _Ticket[Request, Result](requests)
        with self._guard:
            self._waiting.append(ticket)
        with self._one_at_a_time:
            while not ticket.is_settled:
                self._settle(self._next())
        if ticket.alone:
            with self._ledger.write() as connection:
                return self._work(connection, requests)
        if ticket.error is not None:
            raise ticket.error
        assert ticket.results is not None
        return ticket.results

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
