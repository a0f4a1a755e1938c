"""Which rules are active, and the ones that calls were decided by: compiled once each, followed while running."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection, bindparam, func, insert, select
from sqlalchemy.exc import IntegrityError

from plugin.errors import Fault, InputError, LedgerUnavailable, NoActiveRules, OptoutError, RulesError
from plugin.ledger.database import Ledger
from plugin.ledger.schema import activations, revisions

if TYPE_CHECKING:
    from plugin.clock import Now
    from plugin.rulebook import Rulebook

_LOG = structlog.get_logger(__name__)

#: How often a process looks for a newer activation.
_POLL = timedelta(seconds=1)
#: Compiled revisions kept for calls that pin one.
_KEPT = 8
#: A revision that fell out of the cache may still be deciding in another thread: its engines are freed this much later.
_GRACE = timedelta(minutes=10)

_NEWEST = select(activations.c.id, activations.c.revision).order_by(activations.c.id.desc()).limit(1)
_CONTENT = select(revisions.c.content).where(revisions.c.revision == bindparam("revision"))
_COUNT = select(func.count()).select_from(activations)


class ActiveRules:
    """The active revision of a ledger and the stored ones. Thread-safe.

    Rulebooks handed out belong to this object: nobody else closes them, nor keeps them longer than a piece of work.
    """

    def __init__(self, ledger: Ledger, now: Now) -> None:
        self._ledger = ledger
        self._now = now
        self._lock = threading.RLock()
        self._books: OrderedDict[str, Rulebook] = OrderedDict()
        self._retired: deque[tuple[datetime, Rulebook]] = deque()
        self._current: Rulebook | None = None
        self._activation = 0
        self._looked_at: datetime | None = None

    def current(self) -> Rulebook:
        """The active revision, at most a second behind the ledger's newest activation.

        A newer revision that cannot be compiled here, or a ledger that cannot be read, leaves the last good one active.
        Raises NoActiveRules if no revision is active; where there is no last good one, LedgerUnavailable or RulesError.
        """
        book = self._current
        if book is None:
            with self._lock:
                self._follow()
                book = self._current
            if book is None:
                raise NoActiveRules(
                    "the ledger has no active rules", hint="Run `optout serve` once, or activate a revision"
                )
            return book
        # One thread looks while the others go on with what they have.
        if self._is_due() and self._lock.acquire(blocking=False):
            try:
                if self._is_due():
                    self._follow_or_stay()
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
        """Make this revision the active one, here at once and within a second in other processes.

        Stores its content if it is new. The rulebook belongs to this object afterwards. Raises LedgerUnavailable.
        """
        self._activate(rulebook, by, reason, only_first=False)

    def activate_first(self, rulebook: Rulebook, by: str, reason: str) -> bool:
        """The same, but only in a ledger that never had active rules; says whether it did."""
        return self._activate(rulebook, by, reason, only_first=True)

    def close(self) -> None:
        """Free the engines of every revision; nothing may be deciding any more."""
        with self._lock:
            for book in [*self._books.values(), *(book for _, book in self._retired)]:
                book.close()
            self._books.clear()
            self._retired.clear()
            self._current = None

    def _activate(self, rulebook: Rulebook, by: str, reason: str, *, only_first: bool) -> bool:
        # Not under the lock: whoever is writing to the ledger may be waiting for it.
        with self._ledger.write() as connection:
            if only_first and connection.execute(_COUNT).scalar_one():
                return False
            activation = _store(connection, rulebook, self._now(), by, reason)
        with self._lock:
            book = self._books.setdefault(rulebook.revision, rulebook)
            if book is not rulebook:
                self._retired.append((self._now(), rulebook))
            if activation > self._activation:
                self._current, self._activation = book, activation
            self._forget_oldest()
        _LOG.info("rules.activated", revision=rulebook.revision, by=by, reason=reason)
        return True

    def _is_due(self) -> bool:
        return self._looked_at is None or abs(self._now() - self._looked_at) >= _POLL

    def _follow_or_stay(self) -> None:
        try:
            self._follow()
        except LedgerUnavailable as error:
            _LOG.warning("rules.not_followed", why=error.message)
        except OptoutError as error:
            _LOG.error("rules.not_followed", why=str(error), activation=self._activation)

    def _follow(self) -> None:
        now = self._now()
        self._looked_at = now
        self._close_retired(now)
        newest = self._newest()
        if newest is None:
            return
        activation, revision = newest
        if activation == self._activation and self._current is not None:
            return
        # Noted first: a revision that cannot be compiled is not tried again every second.
        self._activation = activation
        before = self._current
        if before is None or revision != before.revision:
            self._current = self._book(revision)
        if before is not None:
            _LOG.info("rules.followed", revision=revision, activation=activation)

    def _newest(self) -> tuple[int, str] | None:
        with self._ledger.read() as connection:
            row = connection.execute(_NEWEST).one_or_none()
        return None if row is None else (row.id, row.revision)

    def _book(self, revision: str) -> Rulebook:
        if revision in self._books:
            self._books.move_to_end(revision)
            return self._books[revision]
        with self._ledger.read() as connection:
            content = connection.execute(_CONTENT, {"revision": revision}).scalar_one_or_none()
        if content is None:
            raise InputError(
                f"ruleset: no revision {revision[:64]!r} in this ledger", hint="Leave it out for the active one"
            )
        book = self._books[revision] = _compiled(revision, content)
        self._forget_oldest()
        return book

    def _forget_oldest(self) -> None:
        spare = [revision for revision, book in self._books.items() if book is not self._current]
        for revision in spare[: max(0, len(self._books) - _KEPT)]:
            self._retired.append((self._now(), self._books.pop(revision)))

    def _close_retired(self, now: datetime) -> None:
        while self._retired and now - self._retired[0][0] >= _GRACE:
            self._retired.popleft()[1].close()


def _store(connection: Connection, rulebook: Rulebook, at: datetime, by: str, reason: str) -> int:
    """Keep the content under its digest, append to the activations; the id of the new one."""
    new = {"revision": rulebook.revision, "content": rulebook.content, "created_at": at}
    with suppress(IntegrityError), connection.begin_nested():
        connection.execute(insert(revisions), new)
    activation = {"revision": rulebook.revision, "activated_at": at, "by": by, "reason": reason}
    key = connection.execute(insert(activations), activation).inserted_primary_key
    assert key is not None
    return int(key[0])


def _compiled(revision: str, content: dict[str, Any]) -> Rulebook:
    from plugin.rulebook import Rulebook  # noqa: PLC0415 (loads durable-rules, which readers of the ledger need not)

    try:
        return Rulebook.from_content(content)
    except OptoutError:
        raise
    except Exception as error:
        # It was checked when it was activated: another version of the plugin wrote it, in a shape unknown to this one.
        what = f"эта версия плагина не может прочитать правила из журнала ({type(error).__name__})"
        fault = Fault(f"редакция {revision[:12]}", 0, "журнал", what, "обновите плагин или активируйте правила заново")
        raise RulesError([fault]) from error
