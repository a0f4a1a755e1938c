"""amoCRM's webhooks: forms in PHP's nesting, unsigned, so they are no more than a hint where to look.

What proves them is the address they come to: its last part is a secret. Source: developers' pages «Webhooks».
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.amocrm.contacts import COLLECTIONS, TYPES, is_id
from connectors.base import EventMalformed, EventNotAuthentic, EventsUnverifiable, Reference
from connectors.kit.forms import form_of
from connectors.kit.secrets import same_secret

_LOG = logging.getLogger(__name__)

#: A call's note was added; a card that may hold answers was changed.
CALL, CARD = "call", "card"
#: ``Reference.data`` of a card that was read of later: when its answers were filled in, in unix seconds.
AT = "at"

_FIELD = re.compile(r"([a-z_]+)\[([a-z_]+)\]\[(\d{1,4})\](?:\[note\])?\[([a-z_]+)\]")
#: A change of 100 leads with 60 filled fields each has 18,200 fields in 1.4 MB.
_MOST_FIELDS = 60_000
#: What is named beyond that is told in the log and comes again with the next change of its card.
_MOST_REFERENCES = 1_000
#: The fields of a record that say what it is.
_USED = frozenset({"id", "type", "modified_user_id", "element_id", "element_type", "note_type"})
_ACCOUNT = "account[id]"
#: ``element_type`` of a note.
_ELEMENTS: Mapping[str, str] = {"1": "contacts", "2": "leads", "3": "companies", "12": "customers"}
#: ``note_type`` of a call that came in and one that went out.
_CALLS = frozenset({"10", "11", "call_in", "call_out"})
_CHANGES = frozenset({"add", "update"})


def references(settings: Mapping[str, Any], path_secret: str | None, body: bytes) -> Sequence[Reference]:
    """The calls and changed cards that a webhook names. Raises EventNotAuthentic, EventMalformed."""
    _check_secret(settings.get("webhook_secret"), path_secret)
    form = form_of(body, _MOST_FIELDS, _is_used)
    account = form.get(_ACCOUNT)
    if account is None:
        raise EventMalformed("the event names no account")
    if account != str(settings["account_id"]):
        raise EventNotAuthentic("the event comes from another account")
    own = str(settings.get("own_user") or "")
    named = (_reference(*key, fields, own) for key, fields in _records(form).items())
    found = {(item.kind, item.id): item for item in named if item is not None}
    if len(found) > _MOST_REFERENCES:
        _LOG.warning("an event names %d records, only the first %d are read", len(found), _MOST_REFERENCES)
    return list(found.values())[:_MOST_REFERENCES]


def _check_secret(secret: str | None, given: str | None) -> None:
    if not secret:
        raise EventsUnverifiable("no webhook_secret is set, so no event can be verified")
    if not same_secret(given, secret):
        raise EventNotAuthentic("the secret in the event's address is wrong")


def _is_used(name: str) -> bool:
    match = _FIELD.fullmatch(name)
    return name == _ACCOUNT if match is None else match[1] in TYPES and match[4] in _USED


def _records(form: Mapping[str, str]) -> dict[tuple[str, str, str], dict[str, str]]:
    """The fields of each record by entity, action and place."""
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for name, value in form.items():
        match = _FIELD.fullmatch(name)
        if match is not None:
            found.setdefault((match[1], match[2], match[3]), {})[match[4]] = value
    return found


def _reference(collection: str, action: str, _place: str, fields: Mapping[str, str], own: str) -> Reference | None:
    if action == "note":
        collection = _ELEMENTS.get(fields.get("element_type", ""), collection)
        card, note = fields.get("element_id"), fields.get("id")
        if fields.get("note_type") not in _CALLS or not (is_id(card) and is_id(note)):
            return None
        return Reference(CALL, f"{collection}/{card}/{note}")
    if action not in _CHANGES or not is_id(fields.get("id")):
        return None
    if own and fields.get("modified_user_id") == own:
        # Only spares the requests: ``resolve`` looks at who changed what over the API.
        return None
    if collection == "contacts" and fields.get("type") == "company":
        collection = COLLECTIONS["company"]
    return Reference(CARD, f"{collection}/{fields['id']}")
