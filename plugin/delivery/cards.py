"""Which card a decision's actions are written to: chosen once, kept in the ledger before anything is written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from connectors.base import CardRef
from connectors.kit.names import name_key, same_name
from connectors.kit.phones import numbers_in
from plugin.delivery.clock_jumps import Monotonic
from plugin.delivery.contact_search import ContactSearch
from plugin.delivery.model import Delivery, Place
from plugin.ledger import Ledger
from plugin.ledger.schema import decisions
from plugin.resilience.reads import Reads

_KEPT = select(decisions.c.card).where(decisions.c.id == bindparam("id"))
_KEEP = update(decisions).where(decisions.c.id == bindparam("of"))


class CardFinder:
    """Finds the card of a decision: the one it names, else the other client's, else the call's, else by phone."""

    def __init__(self, ledger: Ledger, reads: Reads, monotonic: Monotonic = time.monotonic) -> None:
        self._ledger = ledger
        self._search = ContactSearch(reads, monotonic)

    def kept(self, decision_ref: int) -> Place | None:
        """The card that was chosen for this decision, if one was. Raises LedgerUnavailable."""
        with self._ledger.read() as connection:
            return Place.of(connection.execute(_KEPT, {"id": decision_ref}).scalar_one())

    def place(self, delivery: Delivery) -> Place:
        """The card to write to; once found, it stays this one for every action of the decision and every repeat.

        Raises CrmUnavailable and CrmRefused where the CRM has to be asked, LedgerUnavailable.
        """
        if delivery.place is not None:
            return delivery.place
        found = self._find(delivery)
        return found if found.card is None else self._keep(delivery.card_decision, found)

    def relocate(self, delivery: Delivery, gone: CardRef) -> Place:
        """Where a decision's actions go now that the CRM no longer has its card: cards get merged.

        Looked for once, by phone; exactly one other card found becomes the decision's. Without one the place has no
        card and says why. Raises CrmUnavailable, CrmRefused, LedgerUnavailable.
        """
        kept = self.kept(delivery.card_decision)
        if kept is not None and kept.card != gone:
            # Another action of the decision was quicker.
            return kept
        if kept is not None and kept.was is not None:
            return Place(
                None, kept.fallback, f"the card {named(gone)}, found in place of {named(kept.was)}, is gone too"
            )
        found = self._find_again(delivery, gone, kept is not None and kept.fallback)
        return found if found.card is None else self._keep(delivery.card_decision, found, instead_of=gone)

    def _keep(self, decision_ref: int, found: Place, *, instead_of: CardRef | None = None) -> Place:
        """The place that the ledger keeps from now on: another action of the decision may have been quicker."""
        with self._ledger.write() as connection:
            kept = Place.of(connection.execute(_KEPT.with_for_update(), {"id": decision_ref}).scalar_one())
            if kept is not None and kept.card != instead_of:
                return kept
            connection.execute(_KEEP, {"of": decision_ref, "card": found.kept()})
            return found

    def _find(self, delivery: Delivery) -> Place:
        kept = None if delivery.target is None and delivery.card is not None else self.kept(delivery.card_decision)
        if kept is not None:
            # Another action of the decision was quicker: the CRM need not be asked again.
            return kept
        if delivery.target is not None:
            other = self._the_other_client(delivery.target)
            if other is not None:
                return Place(other)
        fallback = delivery.target is not None
        if delivery.card is not None:
            return Place(delivery.card, fallback)
        if not numbers_in(delivery.phone):
            return Place(None, fallback, "the call names neither a card nor a phone number")
        cards = self._contacts(delivery.phone, None)
        if len(cards) == 1:
            return Place(cards[0], fallback)
        return Place(None, fallback, f"the call names no card, and {_number(cards)} its phone number")

    def _the_other_client(self, target: Any) -> CardRef | None:
        wanted = target.get("find") or {}
        cards = self._contacts(wanted.get("phone"), wanted.get("name"))
        return cards[0] if len(cards) == 1 else None

    def _contacts(self, phone: str | None, name: str | None) -> Sequence[CardRef]:
        """The contacts with any number in this field and this name; nobody has what is neither number nor name.

        With a number the CRM is asked for it alone: it knows fewer ways to write a name than people do.
        """
        numbers = numbers_in(phone)
        wanted = name if name and name_key(name) else None
        if numbers:
            found = [card for number in numbers for card in self._search.by_number(number)]
        else:
            found = [] if wanted is None else list(self._search.by_name(wanted))
        return list(dict.fromkeys(card.ref for card in found if wanted is None or same_name(wanted, card.name or "")))

    def _find_again(self, delivery: Delivery, gone: CardRef, fallback: bool) -> Place:
        target = (delivery.target or {}).get("find") or {}
        phone = target.get("phone") if delivery.target and not fallback else delivery.phone
        if not numbers_in(phone):
            return Place(None, fallback, f"the card {named(gone)} is gone, and no phone number is known to find it by")
        cards = self._contacts(phone, None)
        if gone in cards:
            # Then something else was missing.
            return Place(None, fallback, f"the card {named(gone)} is found by its phone number all the same")
        if len(cards) != 1:
            return Place(None, fallback, f"the card {named(gone)} is gone, and {_number(cards)} its phone number")
        return Place(cards[0], fallback, was=gone)


def named(card: CardRef) -> str:
    """The card as it is named in a reason."""
    return f"{card.type} {card.id}"


def _number(cards: Sequence[CardRef]) -> str:
    return f"{len(cards)} contacts have" if cards else "no contact has"
