"""Whether an account shows a test card, and finds it by the number and the name that it shows itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from connectors.protocol.check import Check, read_failed
from connectors.protocol.errors import ConnectorError, CrmRefused, CrmUnavailable
from connectors.protocol.records import Card, CardRef

_THERE = "the test card is there"
BY_NUMBER = "the test card is found by its own number"
BY_NAME = "the test card is found by its own name"


def card_checks(
    card: CardRef, read: Callable[[CardRef], Card | None], find: Callable[..., Sequence[Card]]
) -> Iterator[Check]:
    """First whether it is there, then whether it is found by the number and by the name that it shows. Never raises."""
    try:
        shown = read(card)
    except Exception as error:
        yield _unread("the test card can be read", error)
        return
    if shown is None:
        remedy = f"The CRM has no {card.type} {card.id}: name a card that may be written to"
        yield Check(_THERE, False, remedy)
        return
    yield Check(_THERE, True)
    if shown.phones:
        yield _found(BY_NUMBER, card, lambda: find(phone=shown.phones[0]))
    if shown.name:
        yield _found(BY_NAME, card, lambda: find(name=shown.name))


def _found(name: str, card: CardRef, look: Callable[[], Sequence[Card]]) -> Check:
    try:
        found = {one.ref for one in look()}
    except Exception as error:
        return _unread(name, error)
    remedy = f"The look-up finds {len(found)} cards and not this one: a client who gave no card would not be found"
    return Check(name, card in found, "" if card in found else remedy)


def _unread(name: str, error: Exception) -> Check:
    """A read that failed: no answer is not the answer no."""
    if isinstance(error, CrmUnavailable | CrmRefused):
        return read_failed(name, error, str(error))
    return Check(name, False, _why(error))


def _why(error: Exception) -> str:
    """What may be shown of it: the message of an error that no connector should raise may hold anything."""
    return str(error) if isinstance(error, ConnectorError) else f"a fault of the connector: {type(error).__name__}"
