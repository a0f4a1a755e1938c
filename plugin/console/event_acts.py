"""The CRM's own events, tried again or dropped for a person at the console, with a result for each."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from plugin.common.clock import Now
from plugin.console.bulk import BulkItem
from plugin.errors import InputError, LedgerUnavailable
from plugin.events.inbox_by_hand import OPEN, Does, InboxEntry, act, newest_kept
from plugin.ledger import Ledger
from plugin.ledger.audit import Actor

#: Events that one act changes at most.
MOST_EVENTS = 500


def open_events(connection: Connection, state: str | None) -> list[InboxEntry]:
    """All that wait, or were left to a human. Raises InputError where they are too many for one act."""
    found = newest_kept(connection, (state,) if state in OPEN else OPEN, MOST_EVENTS + 1)
    if len(found) > MOST_EVENTS:
        hint = "Разберите сначала остановленные или действуйте из командной строки: optout events"
        raise InputError(f"Событий больше {MOST_EVENTS}: это много для одного действия", hint=hint)
    return found


def carry_out(ledger: Ledger, does: Does, ids: Sequence[int], actor: Actor, now: Now) -> list[BulkItem]:
    """Do it; what became of each."""
    return [_one(ledger, does, id_, actor, now) for id_ in ids]


def _one(ledger: Ledger, does: Does, id_: int, actor: Actor, now: Now) -> BulkItem:
    try:
        changed = act(ledger, does, [id_], actor, now)
    except InputError as error:
        return BulkItem(id_, False, False, error.message)
    except LedgerUnavailable:
        return BulkItem(id_, False, True, "не успели: база данных была занята")
    if not changed:
        return BulkItem(id_, False, True, "разбирается прямо сейчас")
    return BulkItem(id_, True, False, "разбирается ещё раз" if does == "retry" else "отброшено")
