"""Deliveries as they are loaded when they are claimed: with what their calls and decisions say about the card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from connectors.base import Assignee, CardRef
from plugin.delivery.model import Delivery, Place
from plugin.ledger.schema import calls, decisions, deliveries
from plugin.ledger.states import ON_CARDS

_LOAD = (
    select(
        *(column for column in deliveries.c if column.name != "card"),
        calls.c.call_id,
        calls.c.phone,
        calls.c.card_type,
        calls.c.card_id,
        decisions.c.target,
        decisions.c.card.label("place"),
    )
    .join(calls, calls.c.id == deliveries.c.call_ref)
    .join(decisions, decisions.c.id == func.coalesce(deliveries.c.corrects, deliveries.c.decision_ref))
    .where(deliveries.c.id.in_(bindparam("ids", expanding=True)))
)
_CHOOSE_CARD = update(decisions).where(decisions.c.id == bindparam("of"), decisions.c.card.is_(None))
#: What a Delivery takes over from its row as it is: all but these.
_OWN = ("lease", "card", "place", "sent_text", "sent_to")
_SAME_COLUMNS = [field.name for field in fields(Delivery) if field.name not in _OWN]
_same = attrgetter(*_SAME_COLUMNS)


def loaded(connection: Connection, ids: Sequence[int]) -> list[Delivery]:
    """These deliveries, in this order."""
    rows: dict[int, Any] = {row.id: row for row in connection.execute(_LOAD, {"ids": ids})}
    return [_delivery(rows[id_]) for id_ in ids]


def on_their_cards(connection: Connection, claimed: list[Delivery]) -> list[Delivery]:
    """The same, with their call's card chosen where none has to be looked for (``plugin.delivery.cards``).

    In the transaction of the claim, so that it costs none of its own.
    """
    places = {
        delivery.decision_ref: Place(delivery.card)
        for delivery in claimed
        if delivery.place is None
        and delivery.target is None
        and delivery.card
        and delivery.corrects is None
        and delivery.kind in ON_CARDS
    }
    if not places:
        return claimed
    rows = [{"of": decision, "card": place.kept()} for decision, place in sorted(places.items())]
    if sum(connection.execute(_CHOOSE_CARD, row).rowcount for row in rows) < len(rows):
        # Another process was quicker with one of them; preparing it finds out where it goes.
        return claimed
    return [
        replace(delivery, place=places.get(delivery.decision_ref)) if delivery.place is None else delivery
        for delivery in claimed
    ]


def _delivery(row: Row[Any]) -> Delivery:
    card = CardRef(row.card_type, row.card_id) if row.card_type and row.card_id else None
    same = dict(zip(_SAME_COLUMNS, _same(row), strict=True))
    # How it went out last counts as long as that may have arrived.
    to = row.assignee if row.sent_at else None
    return Delivery(
        **same,
        lease=row.owner,
        card=card,
        place=Place.of(row.place),
        sent_text=row.sent_text if row.sent_at else None,
        sent_to=Assignee(to.get("user"), to.get("address")) if to else None,
    )
