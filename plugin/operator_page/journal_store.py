"""The SQL of trails: the one of a call, saved under a number that only grows, so that nothing late overwrites newer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from plugin.events.calls import REUSED_AFTER
from plugin.ledger.schema import calls
from plugin.ledger.trails import trails
from plugin.operator_page.call import PageCall
from plugin.operator_page.journal import JournalEntry, ended, is_resumed


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
        """What a page goes on from."""
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
_ADD = insert(trails)
_CHANGE = update(trails).where(trails.c.id == bindparam("trail"))
_OUTCOME = (
    select(calls.c.outcome)
    .where(calls.c.namespace == bindparam("namespace"), calls.c.call_id == bindparam("call_id"))
    .order_by(calls.c.generation.desc())
    .limit(1)
)


def trail_of(
    connection: Connection, namespace: str, call: PageCall, now: datetime, *, lock: bool = False
) -> Journal | None:
    """The trail of this very call; None where there is none yet, or the CRM has given its id to another call since."""
    newest = newest_of(connection, namespace, call.id, lock=lock)
    return newest if newest is not None and _fits(newest, call, now) else None


def newest_of(connection: Connection, namespace: str, call_id: str, *, lock: bool = False) -> Journal | None:
    """The newest trail under a call id."""
    query = _OF_CALL.with_for_update() if lock else _OF_CALL
    row = connection.execute(query, {"namespace": namespace, "call_id": call_id}).one_or_none()
    return None if row is None else Journal(*row)


def is_decided(connection: Connection, namespace: str, call_id: str) -> bool:
    """Whether an outcome stands for the call, so that nothing but a confirmed one may change it."""
    names = {"namespace": namespace, "call_id": call_id}
    return connection.execute(_OUTCOME, names).scalar_one_or_none() is not None


def begin_trail(
    connection: Connection, namespace: str, call: PageCall, script: str, revision: str, now: datetime
) -> None:
    """An empty trail for a call that nobody but the page knows of."""
    connection.execute(_ADD, _new(namespace, call, script, revision, now, None))


def save_trail(
    connection: Connection, namespace: str, call: PageCall, script: str, saving: JournalEntry, now: datetime
) -> tuple[Journal, bool]:
    """The trail as it stands afterwards, and whether this saving is in it.

    A saving that is not newer than what is there is left out: of another window it is a contradiction to be told of.
    Raises IntegrityError where somebody began the same trail in this moment.
    """
    newest = newest_of(connection, namespace, call.id, lock=True)
    if newest is None or not _fits(newest, call, now):
        row = _new(namespace, call, script, saving.revision, now, newest)
        connection.execute(_ADD, row | _saved(saving, call, now))
    elif saving.seq <= newest.seq:
        return newest, saving.tab == newest.tab
    else:
        connection.execute(_CHANGE, {"trail": newest.id, **_saved(saving, call, now)})
    stored = newest_of(connection, namespace, call.id)
    assert stored is not None
    return stored, True


def note_reported(connection: Connection, trail: Journal, reported: Mapping[str, Any]) -> None:
    """Remember what the call was last reported with."""
    connection.execute(_CHANGE, {"trail": trail.id, "reported": dict(reported)})


def _fits(trail: Journal, call: PageCall, now: datetime) -> bool:
    """The same rules by which events find their call (``plugin.events.calls``)."""
    about = trail.about or {}
    card = about.get("card") or {}
    if call.phone and about.get("phone") and call.phone != about["phone"]:
        return False
    if call.card_id and card.get("id") and (call.card_type, call.card_id) != (card.get("type"), card["id"]):
        return False
    return trail.purged_at is None and now - trail.updated_at <= REUSED_AFTER


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


def _saved(saving: JournalEntry, call: PageCall, now: datetime) -> dict[str, Any]:
    end = ended(saving.entries)
    state = "open" if end is None else end["kind"]
    if end is not None and state == "unfinished" and is_resumed(saving.entries, end):
        state = "open"
    return {
        "seq": saving.seq,
        "tab": saving.tab,
        "operator": call.operator,
        "entries": list(saving.entries),
        "state": state,
        "outcome": end.get("outcome") if end else None,
        "event_id": end["event"] if end else None,
        "updated_at": now,
    }
