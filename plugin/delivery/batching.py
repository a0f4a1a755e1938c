"""Which of the claimed deliveries go to the CRM in one write: a decision's together, and under a backlog many calls'.

What may be in the CRM already, what takes something back and what goes by the mail server goes alone; and each failed
attempt halves the batch limit of a delivery, so that one that spoils every write ends up alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugin.delivery.fair_order import BATCHED
from plugin.delivery.model import Delivery


def batches(claimed: Sequence[Delivery], batch_limit: int) -> list[list[Delivery]]:
    """The deliveries in batches of at most ``batch_limit``, in the order in which the first of each was claimed."""
    if batch_limit <= 1:
        return [[delivery] for delivery in claimed]
    # By limit: the batch that still has room.
    open_: dict[int, list[Delivery]] = {}
    found: list[list[Delivery]] = []
    for mates in _mates(claimed, batch_limit):
        limit = _limit(mates[0], batch_limit)
        batch = open_.get(limit)
        if batch is None or len(batch) + len(mates) > limit:
            batch = open_[limit] = []
            found.append(batch)
        batch.extend(mates)
    return found


def _mates(claimed: Sequence[Delivery], batch_limit: int) -> list[list[Delivery]]:
    """Deliveries of one decision and one limit together, cut where they are too many."""
    latest: dict[tuple[int, int], list[Delivery]] = {}
    found: list[list[Delivery]] = []
    for delivery in claimed:
        limit = _limit(delivery, batch_limit)
        mates = latest.get((delivery.decision_ref, limit))
        if mates is None or len(mates) >= limit:
            mates = latest[delivery.decision_ref, limit] = []
            found.append(mates)
        mates.append(delivery)
    return found


def _limit(delivery: Delivery, batch_limit: int) -> int:
    """How many may go together with this one, itself included."""
    if delivery.kind not in BATCHED or delivery.sent_at is not None:
        return 1
    return max(1, batch_limit >> min(delivery.attempts, 30))
