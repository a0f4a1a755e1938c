"""Remembers calls that were decided without what their card holds, because the CRM could not be asked in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from plugin.ledger.unread_cards import unread_cards

_DUE = (
    select(unread_cards)
    .where(unread_cards.c.not_before <= bindparam("now", type_=unread_cards.c.not_before.type))
    .order_by(unread_cards.c.not_before, unread_cards.c.id)
    .limit(bindparam("most"))
)
_THIS = unread_cards.c.id == bindparam("row")


@dataclass(frozen=True, slots=True)
class UnreadCard:
    """An event whose facts lack these fields of its card, since when, and how often the CRM was asked in vain."""

    id: int
    call_ref: int
    event_ref: int
    fields: Sequence[str]
    since: datetime
    not_before: datetime
    tries: int


def note_unread_card(
    connection: Connection, call_ref: int, event_ref: int, fields: Sequence[str], now: datetime
) -> None:
    """Remember an event, to be read for at once."""
    row = {"call_ref": call_ref, "event_ref": event_ref, "fields": list(fields)}
    connection.execute(insert(unread_cards), row | {"since": now, "not_before": now, "tries": 0})


def due_cards(connection: Connection, now: datetime, most: int) -> list[UnreadCard]:
    """Those whose turn has come, at most so many."""
    return [UnreadCard(*row) for row in connection.execute(_DUE, {"now": now, "most": most})]


def postpone_card(connection: Connection, card: UnreadCard, wait: timedelta, now: datetime) -> None:
    """Ask again after this wait."""
    connection.execute(
        update(unread_cards).where(_THIS).values(not_before=now + wait, tries=card.tries + 1), {"row": card.id}
    )


def settle_card(connection: Connection, card: UnreadCard) -> bool:
    """Forget it; False where another process has done so."""
    return connection.execute(delete(unread_cards).where(_THIS), {"row": card.id}).rowcount > 0
