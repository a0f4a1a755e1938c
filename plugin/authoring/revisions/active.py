"""The active rules and those that calls were decided by: compiled once each, and followed while running."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict, deque
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from plugin.authoring.revisions.activate import Unless, activate
from plugin.authoring.revisions.archive import Activation, activation_history, newest_activation, stored_rulebook
from plugin.errors import LedgerUnavailable, NoActiveRules, OptoutError
from plugin.ledger.database import Ledger

if TYPE_CHECKING:
    from plugin.common.clock import Now
    from plugin.deciding.decision.compiled_rules import Decider, Rulebook

_LOG = structlog.get_logger(__name__)

#: How often a process looks for a newer activation.
_POLL = timedelta(seconds=1)
#: While one thread looks and compiles, the others go on with what they have, but with nothing that was last known to
#: be the newest longer ago than this: publishing is to have its effect within 2 s.
_OLDEST = timedelta(seconds=1.5)
#: Compiled revisions kept for calls that pin one.
_KEPT = 8
#: Where the active revision cannot be compiled from the start, so many earlier activations are tried.
_TRIED = 10


class ActiveRules:
    """The active revision of a ledger and the stored ones. Thread-safe.

    Rulebooks handed out belong to this object: callers do not close them. A caller that decides by a rulebook's script
    holds the rulebook itself meanwhile; the engines of one that is out of use are freed once no caller holds it.
    """

    def __init__(self, ledger: Ledger, now: Now) -> None:
        self._ledger = ledger
        self._now = now
        self._lock = threading.RLock()
        self._books: OrderedDict[str, Rulebook] = OrderedDict()
        self._current: Rulebook | None = None
        self._activation = 0
        self._looked_at = now() - _POLL
        # Filled from wherever the last hold on a rulebook ends, emptied under the lock: an engine may not be freed in
        # the middle of anything.
        self._out_of_use: deque[Decider] = deque()

    def current(self) -> Rulebook:
        """The active revision: what the ledger's newest activation said at most 1.5 s ago.

        A newer revision that cannot be compiled here, or a ledger that cannot be read, leaves the last good one active.
        Raises NoActiveRules if no revision is active; where there is no last good one, LedgerUnavailable or RulesError.
        """
        book = self._current or self._first()
        if self._age() >= _POLL and self._lock.acquire(blocking=self._age() >= _OLDEST):
            try:
                if self._age() >= _POLL:
                    self._follow()
            finally:
                self._lock.release()
        return self._current or book

    def at(self, revision: str) -> Rulebook:
        """The stored revision, for calls that pin it. Raises InputError if the ledger does not know it."""
        current = self._current
        if current is not None and current.revision == revision:
            return current
        with self._lock:
            return self._book(revision)

    def activate(self, rulebook: Rulebook, by: str, reason: str) -> None:
        """Make this revision the active one, here at once and within 2 s in other processes.

        Stores its content if it is new. The rulebook belongs to this object afterwards. Raises LedgerUnavailable.
        """
        self._activate(rulebook, by, reason, lambda _: False)

    def activate_first(self, rulebook: Rulebook, by: str, reason: str) -> bool:
        """The same, but only in a ledger that never had active rules; says whether it did."""
        return self._activate(rulebook, by, reason, lambda active: active is not None)

    def close(self) -> None:
        """Free the engines of every revision; nothing may be deciding any more."""
        with self._lock:
            self._free_out_of_use()
            for book in self._books.values():
                book.close()
            self._books.clear()
            self._current = None

    # --- activating ------------------------------------------------------------------------------

    def _activate(self, rulebook: Rulebook, by: str, reason: str, unless: Unless) -> bool:
        # Not under the lock: a thread that is writing to the ledger may be waiting for it.
        change = activate(self._ledger, rulebook, at=self._now(), by=by, reason=reason, unless=unless)
        if change.made is None:
            return False
        with self._lock:
            book = self._books.get(rulebook.revision)
            if book is None:
                book = self._keep(rulebook)
            elif book is not rulebook:
                self._free_in_the_end(rulebook)
            if change.made.id > self._activation:
                self._current, self._activation = book, change.made.id
            self._forget_oldest()
        _LOG.info("rules.activated", revision=rulebook.revision, by=by, reason=reason)
        return True

    # --- following -------------------------------------------------------------------------------

    def _age(self) -> timedelta:
        """How long ago the current revision was known to be the newest. A clock that was put back counts as old."""
        return abs(self._now() - self._looked_at)

    def _follow(self) -> None:
        looked_at = self._now()
        self._free_out_of_use()
        try:
            newest = self._newest()
            if newest is not None and newest.id != self._activation:
                self._go_over_to(newest)
        except LedgerUnavailable as error:
            _LOG.warning("rules.not_followed", why=error.message)
            looked_at = self._now()
        self._looked_at = looked_at

    def _go_over_to(self, newest: Activation) -> None:
        before = self._current
        try:
            if before is None or newest.revision != before.revision:
                self._current = self._book(newest.revision)
        except LedgerUnavailable:
            raise
        except OptoutError as error:
            # Told once, and not tried again every second: what is stored under a revision never changes.
            _LOG.error("rules.not_followed", why=str(error), revision=newest.revision, activation=newest.id)
        else:
            _LOG.info("rules.followed", revision=newest.revision, activation=newest.id, by=newest.by)
        self._activation = newest.id

    def _newest(self) -> Activation | None:
        with self._ledger.read() as connection:
            return newest_activation(connection)

    def _first(self) -> Rulebook:
        """The active revision of a process that has none yet, or the newest before it that can be compiled."""
        with self._lock:
            if self._current is not None:
                return self._current
            looked_at = self._now()
            with self._ledger.read() as connection:
                tried = activation_history(connection, _TRIED)
            if not tried:
                hint = "Run `optout serve` once, or `optout rules publish`"
                raise NoActiveRules("the ledger has no active rules", hint=hint)
            self._current = self._first_good(tried)
            self._activation, self._looked_at = tried[0].id, looked_at
            return self._current

    def _first_good(self, tried: list[Activation]) -> Rulebook:
        newest_error: OptoutError | None = None
        for activation in tried:
            try:
                book = self._book(activation.revision)
            except LedgerUnavailable:
                raise
            except OptoutError as error:
                newest_error = newest_error or error
                continue
            if newest_error is not None:
                _LOG.error("rules.not_followed", why=str(newest_error), instead=book.revision, activation=tried[0].id)
            return book
        assert newest_error is not None
        raise newest_error

    # --- compiled revisions ----------------------------------------------------------------------

    def _book(self, revision: str) -> Rulebook:
        if revision in self._books:
            self._books.move_to_end(revision)
            return self._books[revision]
        with self._ledger.read() as connection:
            book = self._keep(stored_rulebook(connection, revision))
        self._forget_oldest()
        return book

    def _keep(self, book: Rulebook) -> Rulebook:
        self._books[book.revision] = book
        return book

    def _forget_oldest(self) -> None:
        self._free_out_of_use()
        spare = [revision for revision, book in self._books.items() if book is not self._current]
        for revision in spare[: max(0, len(self._books) - _KEPT)]:
            self._free_in_the_end(self._books.pop(revision))

    def _free_in_the_end(self, book: Rulebook) -> None:
        """Free its engines some time after the last thread that holds it has let go of it."""
        weakref.finalize(book, self._out_of_use.extend, tuple(book.scripts.values())).atexit = False

    def _free_out_of_use(self) -> None:
        while self._out_of_use:
            self._out_of_use.popleft().close()
