"""Journals in the ledger: each save has a number that only grows, so that a late one overwrites nothing newer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from plugin.events.calls import REUSED_AFTER
from plugin.ledger.call_search import folded
from plugin.ledger.chain import Change, note
from plugin.ledger.schema import calls
from plugin.ledger.trails import trails
from plugin.operator_page.call import PageCall, call_of_about
from plugin.operator_page.journal import JournalSave, is_resumed, last_end


@dataclass(frozen=True, slots=True)
class Journal:
    """A row of ``trails``."""

    id: int
    generation: int
    script: str
    revision: str
    operator: str | None
    about: Mapping[str, Any] | None
    seq: int
    tab: str | None
    entries: Sequence[Mapping[str, Any]]
    reported: Mapping[str, Any] | None
    state: str
    outcome: str | None
    event_id: str | None
    started_at: datetime
    updated_at: datetime
    purged_at: datetime | None

    def to_json(self) -> dict[str, Any]:
        """For the page, which continues from it."""
        return {
            "seq": self.seq,
            "tab": self.tab,
            "operator": self.operator,
            "entries": list(self.entries),
            "state": self.state,
            "outcome": self.outcome,
            "event": self.event_id,
            "updated_at": self.updated_at.isoformat(),
        }


_COLUMNS = [trails.c[field.name] for field in fields(Journal)]
_OF_CALL = (
    select(*_COLUMNS)
    .where(trails.c.namespace == bindparam("namespace"), trails.c.call_id == bindparam("call_id"))
    .order_by(trails.c.generation.desc())
    .limit(1)
)
_OPEN = "open"
_ADD = insert(trails)
_CHANGE = update(trails).where(trails.c.id == bindparam("trail"))
_OUTCOME = (
    select(calls.c.outcome)
    .where(calls.c.namespace == bindparam("namespace"), calls.c.call_id == bindparam("call_id"))
    .order_by(calls.c.generation.desc())
    .limit(1)
)


def journal_of(
    connection: Connection, namespace: str, call: PageCall, now: datetime, *, lock: bool = False
) -> Journal | None:
    """The journal of this call; None where there is none yet, or the CRM has given its id to another call since."""
    newest = newest_journal(connection, namespace, call.id, lock=lock)
    return newest if newest is not None and _fits(newest, call, now) else None


def newest_journal(connection: Connection, namespace: str, call_id: str, *, lock: bool = False) -> Journal | None:
    """The newest journal under a call id."""
    query = _OF_CALL.with_for_update() if lock else _OF_CALL
    row = connection.execute(query, {"namespace": namespace, "call_id": call_id}).one_or_none()
    return None if row is None else Journal(*row)


def is_decided(connection: Connection, namespace: str, call_id: str) -> bool:
    """Whether the call has an outcome, which only a confirmed end may change."""
    names = {"namespace": namespace, "call_id": call_id}
    return connection.execute(_OUTCOME, names).scalar_one_or_none() is not None


def begin_journal(
    connection: Connection, namespace: str, call: PageCall, script: str, revision: str, now: datetime
) -> None:
    """Add an empty journal for a call that no CRM told of."""
    connection.execute(_ADD, _new(namespace, call, script, revision, now, None))


def save_journal(
    connection: Connection, namespace: str, call: PageCall, script: str, save: JournalSave, now: datetime
) -> tuple[Journal, bool]:
    """The journal as it stands afterwards, and whether this save is in it.

    A save that is not newer than what is there is left out: of another window it is a contradiction to be told of.
    Raises IntegrityError where somebody began the same journal in this moment.
    """
    newest = newest_journal(connection, namespace, call.id, lock=True)
    if newest is None or not _fits(newest, call, now):
        row = _new(namespace, call, script, save.revision, now, newest)
        connection.execute(_ADD, row | _saved(save, call, now))
    elif save.seq <= newest.seq:
        return newest, save.tab == newest.tab
    else:
        connection.execute(_CHANGE, {"trail": newest.id, **_saved(save, call, now)})
    stored = newest_journal(connection, namespace, call.id)
    assert stored is not None
    if stored.state != _OPEN or (newest is not None and newest.id == stored.id and newest.state != _OPEN):
        note(connection, [Change("trail", stored.id)])
    return stored, True


def note_end(connection: Connection, namespace: str, call: PageCall, end: Mapping[str, Any]) -> None:
    """Add the entry of a confirmed end to the call's journal, if it lacks it: the page may never save it."""
    journal = newest_journal(connection, namespace, call.id, lock=True)
    if journal is None or any(entry.get("event") == end["event"] for entry in journal.entries):
        return
    row = {"entries": [*journal.entries, end], "state": end["kind"], "event_id": end["event"]}
    connection.execute(_CHANGE, {"trail": journal.id, "outcome": end.get("outcome"), **row})
    note(connection, [Change("trail", journal.id)])


def change_call(connection: Connection, namespace: str, call: PageCall) -> None:
    """Correct the number and the card of a call without an outcome, in its journal and where it has been reported."""
    journal = newest_journal(connection, namespace, call.id, lock=True)
    if journal is not None:
        connection.execute(_CHANGE, {"trail": journal.id, "about": call.about()})
        _note_ended(connection, journal)
    newest = select(func.max(calls.c.generation)).where(calls.c.namespace == namespace, calls.c.call_id == call.id)
    card = {"card_type": call.card_type, "card_id": call.card_id, "card_name": call.card_name}
    card["card_search"] = folded(call.card_name)
    changed = connection.execute(
        update(calls)
        .where(
            calls.c.namespace == namespace,
            calls.c.call_id == call.id,
            calls.c.generation == newest.scalar_subquery(),
            calls.c.decision_number == 0,
        )
        .values(phone=call.phone, card_url=call.card_url, **card)
        .returning(calls.c.id)
    )
    note(connection, [Change("call", id_, id_) for id_ in changed.scalars().all()])


def note_reported(connection: Connection, journal: Journal, reported: Mapping[str, Any]) -> None:
    """Remember what the call was last reported with."""
    connection.execute(_CHANGE, {"trail": journal.id, "reported": dict(reported)})
    _note_ended(connection, journal)


def _note_ended(connection: Connection, journal: Journal) -> None:
    """The chain holds what has ended; what is still going on changes with every answer."""
    if journal.state != _OPEN:
        note(connection, [Change("trail", journal.id)])


def _fits(journal: Journal, call: PageCall, now: datetime) -> bool:
    """The same rules by which events find their call (``plugin.events.calls``)."""
    phone, *card = call.opened_with
    known_phone, *known_card = call_of_about(call.id, journal.about or {}, None, journal.script).opened_with
    if phone and known_phone and phone != known_phone:
        return False
    if card[1] and known_card[1] and card != known_card:
        return False
    return journal.purged_at is None and now - journal.updated_at <= REUSED_AFTER


def _new(
    namespace: str, call: PageCall, script: str, revision: str, now: datetime, before: Journal | None
) -> dict[str, Any]:
    return {
        "namespace": namespace,
        "call_id": call.id,
        "generation": 1 if before is None else before.generation + 1,
        "script": script,
        "revision": revision,
        "operator": call.operator,
        "about": call.about(),
        "seq": 0,
        "entries": [],
        "state": "open",
        "started_at": now,
        "updated_at": now,
    }


def _saved(save: JournalSave, call: PageCall, now: datetime) -> dict[str, Any]:
    end = last_end(save.entries)
    state = "open" if end is None else end["kind"]
    if end is not None and state == "unfinished" and is_resumed(save.entries, end):
        state = "open"
    return {
        "seq": save.seq,
        "tab": save.tab,
        "operator": call.operator,
        "about": call.about(),
        "entries": list(save.entries),
        "remarks": sum(entry["kind"] == "other" for entry in save.entries),
        "state": state,
        "outcome": end.get("outcome") if end else None,
        "event_id": end["event"] if end else None,
        "updated_at": now,
    }
