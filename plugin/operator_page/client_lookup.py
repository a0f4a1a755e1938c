"""Whom a call is with: the card looked up while the operator reads the first phrase, and changed by hand until the end.

What cannot be carried out is known before the first answer: no number, no card with this number, or several.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from connectors.base import Card, CardRef, CrmRefused, CrmUnavailable
from connectors.kit.phones import first_number
from plugin.errors import EventError
from plugin.ledger import Ledger
from plugin.operator_page.call import PageCall, line
from plugin.operator_page.earlier_calls import asked_before
from plugin.operator_page.journal_store import change_call, is_decided
from plugin.operator_page.requirements import NOT_A_NAME, can_be_name
from plugin.operator_page.sessions import PageSessions
from plugin.promise.suppression_list import entries_besides_call
from plugin.resilience.reads import Reads

_LOG = structlog.get_logger(__name__)
#: More than these are not chosen from by eye.
_MOST_CARDS = 10
_CARD_TYPE = "contact"


@dataclass(frozen=True, slots=True)
class FoundClient:
    """``state``: found | several | none | gone (the card is not there any more) | no_number | unknown | off.

    ``call`` with the card, where exactly one was found. ``before``: what the number asked for earlier, newest first.
    ``excluded``: since when it is excluded from what the call's script is for.
    """

    call: PageCall
    state: str
    cards: Sequence[Card] = ()
    before: Sequence[Mapping[str, Any]] = ()
    excluded: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """For the page."""
        cards = [{"type": c.ref.type, "id": c.ref.id, "name": line(c.name), "url": c.url} for c in self.cards]
        since = self.excluded and self.excluded.isoformat()
        return {"state": self.state, "cards": cards, "before": list(self.before), "excluded": since}


class ClientLookup:
    """Looks clients up in the CRM. Thread-safe; at most ``most`` ask it at once, the others do not wait.

    Without a CRM nothing is looked up (``off``). ``reads_fields``: the account declares fields of cards for rules, so
    that a card that was found by its number is read whole.
    """

    def __init__(
        self, sessions: PageSessions, ledger: Ledger, crm: Reads | None, most: int, *, reads_fields: bool = False
    ) -> None:
        self._sessions = sessions
        self._ledger = ledger
        self._crm = crm
        self._reads_fields = reads_fields
        self._slots = threading.BoundedSemaphore(max(1, most))

    def look_up(self, call: PageCall) -> FoundClient:
        """The client's card, and what the number asked for before. Raises LedgerUnavailable."""
        state, cards = self._cards(call)
        if state == "found" and not call.card_id:
            call = _with_card(call, cards[0])
        elif state == "found" and not call.card_name:
            call = replace(call, card_name=line(cards[0].name), card_url=call.card_url or cards[0].url)
        if state == "found":
            call = replace(call, card_fields=dict(cards[0].fields))
        return FoundClient(call, state, cards, self._before(call), self._excluded(call))

    def change(self, call: PageCall, given: Mapping[str, Any]) -> FoundClient:
        """The call with another number, card or name: ``{"phone", "card", "name"}``, ``card`` an id.

        Raises EventError 422 for what can be none, 409 once the call has an outcome (a number that it lacks can still
        be given), LedgerUnavailable.
        """
        wanted = _changed(call, given)
        with self._ledger.read() as connection:
            decided = is_decided(connection, self._sessions.namespace, call.id)
        # A number that was missing is a gap that is filled in: the call stays the same.
        if decided and (call.phone is not None or wanted.card_id != call.card_id):
            raise EventError(409, "already_recorded", "the call has an outcome: its client cannot be changed")
        found = self.look_up(wanted)
        if found.state == "gone" and found.call.card_id != call.card_id:
            raise _wrong("card", "Карточки с таким номером в CRM нет")
        with self._ledger.write() as connection:
            change_call(connection, self._sessions.namespace, found.call)
        return found

    def _cards(self, call: PageCall) -> tuple[str, Sequence[Card]]:
        crm = self._crm
        if crm is None:
            return ("off" if call.phone or call.card_id else "no_number"), ()
        if not call.card_id and not call.phone:
            return "no_number", ()
        if not self._slots.acquire(blocking=False):
            return "unknown", ()
        try:
            return _ask(crm, call, self._reads_fields)
        except (CrmUnavailable, CrmRefused) as error:
            _LOG.warning("operator.client_not_looked_up", why=str(error))
            return "unknown", ()
        finally:
            self._slots.release()

    def _excluded(self, call: PageCall) -> datetime | None:
        scope = self._sessions.scope_of(call.script)
        if not call.phone or scope is None:
            return None
        with self._ledger.read() as connection:
            entries = entries_besides_call(connection, call.phone, call.id)
        return next((one.since for one in entries if one.scope == scope and one.until is None), None)

    def _before(self, call: PageCall) -> Sequence[Mapping[str, Any]]:
        if not call.phone:
            return ()
        with self._ledger.read() as connection:
            return asked_before(connection, call.phone, call.id, self._sessions.outcomes)


def _ask(crm: Reads, call: PageCall, reads_fields: bool) -> tuple[str, Sequence[Card]]:
    if call.card_type and call.card_id:
        card = crm.read_card(CardRef(call.card_type, call.card_id))
        return ("found", (card,)) if card else ("gone", ())
    found = list({card.ref: card for card in crm.find_contact(phone=call.phone)}.values())
    if reads_fields and len(found) == 1:
        # A card that was found may lack its fields.
        found = [crm.read_card(found[0].ref) or found[0]]
    state = "none" if not found else "found" if len(found) == 1 else "several"
    return state, found[:_MOST_CARDS]


def _with_card(call: PageCall, card: Card) -> PageCall:
    return replace(
        call,
        card_type=card.ref.type,
        card_id=card.ref.id,
        card_name=line(card.name) or call.card_name,
        card_url=card.url,
        given=call.opened_with,
    )


def _changed(call: PageCall, given: Mapping[str, Any]) -> PageCall:
    """The call as the operator wants it; a card that stays keeps its name, another number has another card."""
    typed = {name: line(str(given.get(name) or "")) for name in ("phone", "card", "name", "type")}
    phone = first_number(typed["phone"])
    if typed["phone"] and phone is None:
        raise _wrong("phone", "Это не похоже на номер телефона")
    if typed["name"] and not can_be_name(typed["name"]):
        raise _wrong("name", NOT_A_NAME)
    if not phone and not typed["card"]:
        raise _wrong("phone", "Укажите номер телефона или номер карточки")
    same = typed["card"] is not None and typed["card"] == call.card_id
    return replace(
        call,
        phone=phone,
        card_type=(call.card_type if same else typed["type"] or _CARD_TYPE) if typed["card"] else None,
        card_id=typed["card"],
        card_name=call.card_name if same else typed["name"],
        card_url=call.card_url if same else None,
        card_fields=call.card_fields if same else {},
        given=call.opened_with,
    )


def _wrong(field: str, words: str) -> EventError:
    return EventError(422, "bad_client", f"the call's {field} cannot be used", fields={field: [words]})
