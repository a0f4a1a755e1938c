"""Conditions on the state of deliveries, said so that the partial indexes on what is not done are used."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, literal_column, select, union_all

from plugin.ledger.schema import deliveries
from plugin.ledger.states import OPEN, DeliveryState

#: States of what is neither done nor called off.
UNDONE = (*OPEN, DeliveryState.PARKED)


def in_states(states: Sequence[str]) -> ColumnElement[bool]:
    """Being in one of these states, said so that a partial index on them is used by any database."""
    literals: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in states]
    chosen = deliveries.c.state == literals[0] if len(literals) == 1 else deliveries.c.state.in_(literals)
    if set(states) < set(OPEN):
        return and_(chosen, in_states(OPEN))
    return chosen


def is_undone() -> ColumnElement[bool]:
    """Neither done nor called off: one index has what is open, another one what was stopped."""
    parts = (select(deliveries.c.id).where(in_states(states)) for states in (OPEN, (DeliveryState.PARKED,)))
    return deliveries.c.id.in_(union_all(*parts))
