"""What several threads ask of the ledger at the same time, done in one transaction: one wait for the disk for them all.

Nobody waits to be gathered: whoever finds the way free goes at once, and takes along those that came meanwhile.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from sqlalchemy import Connection

from plugin.ledger import Ledger

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")

#: Askings that one transaction takes, so that none of them becomes long.
_MOST = 100


class _Ticket(Generic[Ask, Answer]):
    """What one thread asks; in the end ``answers``, an ``error``, or ``alone``: it has to ask by itself."""

    def __init__(self, asks: Sequence[Ask]) -> None:
        self.asks = asks
        self.answers: Sequence[Answer] | None = None
        self.error: BaseException | None = None
        self.alone = False

    @property
    def is_settled(self) -> bool:
        return self.answers is not None or self.error is not None or self.alone


class GroupCommit(Generic[Ask, Answer]):
    """Runs ``work`` on what is asked, an answer for each in order. Thread-safe.

    ``work`` is handed a transaction; what it returns counts once that is committed. Two asks with the same ``about``
    never share one. Where the work on what was gathered fails, everybody's is done by itself, so that nobody suffers
    for another's; where nobody knows whether the commit went through, the error is everybody's.
    """

    def __init__(
        self,
        ledger: Ledger,
        work: Callable[[Connection, Sequence[Ask]], Sequence[Answer]],
        about: Callable[[Ask], Hashable],
    ) -> None:
        self._ledger = ledger
        self._work = work
        self._about = about
        self._waiting: deque[_Ticket[Ask, Answer]] = deque()
        self._guard = threading.Lock()
        self._one_at_a_time = threading.Lock()

    def ask(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        """The answers, once they are on the disk. Raises LedgerUnavailable."""
        ticket = _Ticket[Ask, Answer](asks)
        with self._guard:
            self._waiting.append(ticket)
        with self._one_at_a_time:
            while not ticket.is_settled:
                self._settle(self._next())
        if ticket.alone:
            with self._ledger.write() as connection:
                return self._work(connection, asks)
        if ticket.error is not None:
            raise ticket.error
        assert ticket.answers is not None
        return ticket.answers

    def _next(self) -> list[_Ticket[Ask, Answer]]:
        """Who goes together, the first come among them."""
        with self._guard:
            group, left = [self._waiting.popleft()], deque[_Ticket[Ask, Answer]]()
            taken = {self._about(ask) for ask in group[0].asks}
            while self._waiting:
                ticket = self._waiting.popleft()
                subjects = {self._about(ask) for ask in ticket.asks}
                if taken & subjects or len(taken) + len(subjects) > _MOST:
                    left.append(ticket)
                else:
                    taken |= subjects
                    group.append(ticket)
            self._waiting = left
        return group

    def _settle(self, group: Sequence[_Ticket[Ask, Answer]]) -> None:
        worked = False
        try:
            with self._ledger.write() as connection:
                answers = self._work(connection, [ask for ticket in group for ask in ticket.asks])
                worked = True
        except BaseException as error:
            for ticket in group:
                # Before the commit nothing of it can be left; after it, only whoever asks again finds out.
                ticket.alone = not worked and len(group) > 1
                ticket.error = None if ticket.alone else error
            if not isinstance(error, Exception):
                raise
            return
        start = 0
        for ticket in group:
            ticket.answers = answers[start : start + len(ticket.asks)]
            start += len(ticket.asks)
