"""What only a write can tell of a described account: whether the CRM itself refuses a card that it does not have."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable

from connectors.base import CardRef, Check, CrmRefused, CrmUnavailable, Done, Outcome, Unknown
from connectors.kit.reference_mark import reference_mark
from connectors.protocol.check import read_failed

_NAME = "the CRM refuses a comment to a card that it does not have"
_LEFT_OUT = (
    "It takes any id and says done: leave card_must_exist out, so that each card is read before it is written to"
)


def refuses_missing_card(
    card: CardRef,
    exists: Callable[[CardRef], bool],
    comment: Callable[[CardRef, str, str], Outcome],
    remove: Callable[[str, CardRef], Outcome],
) -> Check:
    """One comment to a card like ``card`` that is not there. Never raises; what was written is removed or named."""
    try:
        missing = next((one for one in _neighbours(card) if not exists(one)), None)
    except (CrmUnavailable, CrmRefused) as error:
        return read_failed(_NAME, error, str(error))
    if missing is None:
        return Check(_NAME, None, "No card of this kind is known to be missing: try another test card")
    key = hashlib.sha256(secrets.token_bytes(32)).hexdigest()
    outcome = comment(missing, reference_mark(key), key)
    if isinstance(outcome, Done):
        gone = isinstance(remove(outcome.remote_id, missing), Done)
        left = "" if gone else f". Remove the comment {outcome.remote_id} by hand"
        return Check(_NAME, False, f"{_LEFT_OUT}{left}")
    return Check(_NAME, None if isinstance(outcome, Unknown) else True, outcome.why)


def _neighbours(card: CardRef) -> list[CardRef]:
    """Cards whose ids differ in the last character, so that they look like one of this CRM's."""
    return [CardRef(card.type, card.id[:-1] + char) for char in "9753102468" if not card.id.endswith(char)]
