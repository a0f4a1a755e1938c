"""Removes the personal data of calls that are over and old, and keeps what is anonymous of them.

What stays: times, outcome, states, revision, answers that were chosen from a list, and the ids and digests by which a
repeated event is recognised. What goes: phones, names, notes, cards, free answers, texts, reasons, whom it went to, and
who did it.
A number that is excluded stays in the suppression list: it is needed so that nobody calls it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, func, null, or_, select, tuple_, update

from plugin.common.clock import Now
from plugin.events.inbox import forget_finished
from plugin.ledger import Ledger
from plugin.ledger.chain.forget import forget_calls, hold
from plugin.ledger.promises import watched_reminders
from plugin.ledger.schema import acts, attempts, calls, decisions, deliveries, events, revisions
from plugin.ledger.sqlite_file import wipe_what_is_removed
from plugin.ledger.states import OPEN, DeliveryState
from plugin.ledger.undone import in_states
from plugin.operations.purge_trails import purge_trails
from plugin.promise.purge_suppressions import purge_suppressions

#: Calls in one transaction: a few hundredths of a second, so that other writers hardly wait.
BATCH = 50

_UNDONE = exists().where(deliveries.c.call_ref == calls.c.id, in_states((*OPEN, DeliveryState.PARKED)))
_OVER = (
    select(calls.c.id)
    .where(calls.c.id.in_(bindparam("ids", expanding=True)), calls.c.unfinished_at.is_(None), ~_UNDONE)
    .order_by(calls.c.id)
)
_PARKED = exists().where(deliveries.c.call_ref == calls.c.id, in_states((DeliveryState.PARKED,)))
_CALL_BLANK = dict.fromkeys(("phone", "operator", "card_id", "card_name", "card_search", "card_url", "note"))
_DELIVERY_BLANK = dict.fromkeys(("subject", "fallback_text", "remote_id", "why", "sent_text")) | {"text": ""}
_DELIVERY_JSON = ("assignee", "corrections", "card")

_CHANGE_CALLS = update(calls).where(calls.c.id.in_(bindparam("ids", expanding=True)))
_CHANGE_DELIVERIES = update(deliveries).where(deliveries.c.call_ref.in_(bindparam("ids", expanding=True)))
_CHANGE_ATTEMPTS = update(attempts).where(
    attempts.c.delivery_ref.in_(
        select(deliveries.c.id).where(deliveries.c.call_ref.in_(bindparam("ids", expanding=True)))
    )
)
_WATCHED_BLANK = dict.fromkeys(("remote_id", "done_by", "first_person", "person", "owner", "next_look_at"))
_CHANGE_WATCHED = update(watched_reminders).where(watched_reminders.c.call_ref.in_(bindparam("ids", expanding=True)))
_CHANGE_ACTS = update(acts).where(acts.c.call_ref.in_(bindparam("ids", expanding=True)))
_EVENTS = (
    select(*(events.c[name] for name in ("id", "facts", "card_facts", "answer", "revision")), calls.c.script)
    .join(calls, calls.c.id == events.c.call_ref)
    .where(events.c.call_ref.in_(bindparam("ids", expanding=True)))
)
_DECISIONS = (
    select(decisions.c.id, decisions.c.facts, decisions.c.decision, decisions.c.revision, calls.c.script)
    .join(calls, calls.c.id == decisions.c.call_ref)
    .where(decisions.c.call_ref.in_(bindparam("ids", expanding=True)))
)
_CONTENT = select(revisions.c.content).where(revisions.c.revision == bindparam("revision"))


@dataclass(frozen=True, slots=True)
class PurgeCounts:
    """Old calls: those that are ``over``, and those kept because something of them is ``undone``.

    ``parked`` of the latter wait for a human, not for their turn.
    """

    over: int
    undone: int
    parked: int


class Purge:
    """One walk over the calls that ended more than ``older_than`` ago, oldest first. Raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, now: Now, older_than: timedelta) -> None:
        self._ledger = ledger
        self._now = now
        self._before = now() - older_than
        self._last: tuple[datetime, int] | None = None
        self._vocabularies: dict[tuple[str, str], Mapping[str, Any]] = {}

    @classmethod
    def of_person(cls, ledger: Ledger, now: Now) -> Purge:
        """One that is told which calls to purge, however old they are."""
        return cls(ledger, now, timedelta(0))

    def counts(self) -> PurgeCounts:
        """How many there are."""
        undone = or_(_UNDONE, calls.c.unfinished_at.is_not(None))
        with self._ledger.read() as connection:
            old = [self._count(connection, *more) for more in ((~undone,), (undone,), (_PARKED,))]
        return PurgeCounts(*old)

    def step(self, limit: int = BATCH) -> int:
        """Purge the next so many, in one transaction; 0 when there are no more."""
        with self._ledger.write() as connection:
            wipe_what_is_removed(connection)
            hold(connection)
            forget_finished(connection, self._before)
            found = connection.execute(self._next(limit)).all()
            if found:
                self.purge_calls(connection, [row.id for row in found])
        if found:
            self._last = (found[-1].last_occurred_at, found[-1].id)
        else:
            self._purge_trails(limit)
            self._purge_suppressions(limit)
        return len(found)

    def _purge_trails(self, limit: int) -> None:
        """What the operators' page keeps of old calls, those among them that never came to anything."""
        while True:
            with self._ledger.write() as connection:
                wipe_what_is_removed(connection)
                hold(connection)
                if not purge_trails(connection, self._before, self._now(), limit, self.vocabulary):
                    return

    def _purge_suppressions(self, limit: int) -> None:
        while True:
            with self._ledger.write() as connection:
                wipe_what_is_removed(connection)
                hold(connection)
                if not purge_suppressions(connection, self._before, limit):
                    return

    def _old(self) -> ColumnElement[bool]:
        return and_(calls.c.purged_at.is_(None), calls.c.last_occurred_at < self._before)

    def _count(self, connection: Connection, *more: ColumnElement[bool]) -> int:
        return connection.execute(select(func.count()).select_from(calls).where(self._old(), *more)).scalar_one()

    def _next(self, limit: int) -> Any:
        query = select(calls.c.id, calls.c.last_occurred_at).where(
            self._old(), calls.c.unfinished_at.is_(None), ~_UNDONE
        )
        if self._last is not None:
            # Past those that were looked at and kept.
            query = query.where(tuple_(calls.c.last_occurred_at, calls.c.id) > tuple_(*self._last_bound()))
        return query.order_by(calls.c.last_occurred_at, calls.c.id).limit(limit).with_for_update(of=calls)

    def _last_bound(self) -> tuple[Any, Any]:
        assert self._last is not None
        moment, id_ = self._last
        return bindparam(None, moment, type_=calls.c.last_occurred_at.type), bindparam(None, id_)

    def purge_calls(self, connection: Connection, ids: Sequence[int]) -> None:
        """Remove the personal data of these calls; the chain is held (``chain.forget.hold``)."""
        chosen = {"ids": list(ids)}
        for row in connection.execute(_EVENTS, chosen).all():
            answer, revision = row.answer, _revision(row)
            kept = {
                name: null() if facts is None else self._facts(connection, facts, row.script, revision)
                for name, facts in (("facts", row.facts), ("card_facts", row.card_facts))
            }
            values = kept | {"answer": _bare_answer(answer)}
            connection.execute(update(events).where(events.c.id == row.id).values(**values))
        for decided in connection.execute(_DECISIONS, chosen).all():
            kept = self._facts(connection, decided.facts, decided.script, decided.revision)
            values = {"facts": kept, "decision": _bare(decided.decision), "target": null(), "card": null()}
            connection.execute(update(decisions).where(decisions.c.id == decided.id).values(**values))
        connection.execute(_CHANGE_ATTEMPTS.values(why=None), chosen)
        connection.execute(_CHANGE_ACTS.values(why=""), chosen)
        connection.execute(
            _CHANGE_DELIVERIES.values(**_DELIVERY_BLANK, **dict.fromkeys(_DELIVERY_JSON, null())), chosen
        )
        connection.execute(_CHANGE_WATCHED.values(**_WATCHED_BLANK), chosen)
        connection.execute(_CHANGE_CALLS.values(**_CALL_BLANK, purged_at=self._now()), chosen)
        forget_calls(connection, ids)

    def _facts(
        self, connection: Connection, facts: Mapping[str, Any], script: str, revision: str | None
    ) -> dict[str, Any]:
        """The answers that say nothing about a person: yes or no, and what was chosen from a list."""
        vocabulary = self.vocabulary(connection, script, revision)
        return {name: value for name, value in facts.items() if _is_anonymous(value, vocabulary.get(name))}

    def vocabulary(self, connection: Connection, script: str, revision: str | None) -> Mapping[str, Any]:
        """The facts of a script in a revision, by name; empty where that is not known."""
        if revision is None:
            return {}
        known = self._vocabularies.get((script, revision))
        if known is None:
            content = connection.execute(_CONTENT, {"revision": revision}).scalar_one_or_none()
            found = (content or {}).get(f"{script}/vocabulary.toml") if isinstance(content, dict) else None
            known = (found or {}).get("fact") or {}
            self._vocabularies[script, revision] = known
        return known


def calls_that_are_over(connection: Connection, ids: Sequence[int]) -> Sequence[int]:
    """Those of these calls of which nothing is left to do."""
    return connection.execute(_OVER, {"ids": list(ids)}).scalars().all() if ids else []


def _revision(row: Any) -> str | None:
    decision = row.answer.get("decision") if isinstance(row.answer, dict) else None
    revision: str | None = (decision or {}).get("ruleset") or row.revision
    return revision


def _is_anonymous(value: Any, fact: Any) -> bool:
    if value is None or isinstance(value, bool):
        return True
    listed = fact.get("values") if isinstance(fact, dict) else None
    return isinstance(listed, list) and value in listed


def _bare(decision: Any) -> dict[str, Any]:
    """A decision without its conversation and its texts."""
    kept = {name: decision.get(name) for name in ("ruleset", "complete", "outcome")}
    return kept | {"next": None, "transcript": [], "say": None, "actions": []}


def _bare_answer(answer: Any) -> dict[str, Any]:
    """The answer to a repeat: that it was taken, for which call, and to which outcome."""
    kept = {name: answer[name] for name in ("event", "call", "ignored", "dry_run") if name in answer}
    if answer.get("decision"):
        kept["decision"] = _bare(answer["decision"])
    return kept | {"purged": True}
