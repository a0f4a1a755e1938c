"""What a call's deliveries have written where, and which of it no correction has taken back yet. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plugin.ledger.states import ON_CARDS, DeliveryKind

#: Type and id of a card.
CardId = tuple[str, str]


@dataclass(frozen=True, slots=True)
class WrittenRecord:
    """A comment or reminder that is, or may be, in a card.

    ``decision`` is the ledger's id of the one that it tells of; ``corrected`` are those that it takes back.
    ``elsewhere``: a comment that only says that the new decision is not about its card.
    """

    decision: int
    kind: str
    card: CardId | None
    corrected: frozenset[int] = frozenset()
    elsewhere: bool = False

    @classmethod
    def of(cls, decision: int, kind: str, card: CardId | None, corrected: Mapping[str, Any] | None) -> WrittenRecord:
        """The record by the columns of its delivery."""
        told = corrected or {}
        return cls(decision, kind, card, frozenset(told.get("decisions", ())), bool(told.get("elsewhere")))


def card_id(kept: Mapping[str, Any] | None) -> CardId | None:
    """The card that the ledger keeps as ``{"type", "id", …}``."""
    return (kept["type"], kept["id"]) if kept else None


def merged_cards(places: Iterable[Mapping[str, Any] | None]) -> dict[CardId, CardId]:
    """Where the cards went that are gone from the CRM, by the places of a call's decisions."""
    moved: dict[CardId, CardId] = {}
    for kept in places:
        was, now = card_id((kept or {}).get("was")), card_id(kept)
        if was is not None and now is not None:
            moved[was] = now
    return moved


def uncorrected(records: Sequence[WrittenRecord], card: CardId | None, before: int) -> list[int]:
    """The decisions older than ``before`` with a record in this card that no comment in it takes back, oldest first."""
    in_card = [record for record in records if record.card == card and record.kind in ON_CARDS]
    told = {one for record in in_card if record.kind == DeliveryKind.COMMENT for one in record.corrected}
    standing = {record.decision for record in in_card if not record.elsewhere and record.decision < before}
    return sorted(standing - told)
