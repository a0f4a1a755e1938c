"""The placeholders that each kind of request may name in its templates."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.rest.syntax import Names

#: In every template: the account's own constants (checked against ``[constants]``), its token where that goes into the
#: request's body, the time now, and a left-out key.
EVERYWHERE: Names = {"constants": None, "token": (), "now": (), "omit": (), "_zone": ()}
_CARD: Names = {"card": ("type", "id", "collection")}
_PERSON: Names = {"assignee": ("user", "address")}
_KEY: Names = {"key": (), "mark": (), "ref": ()}
_RECORD: Names = {"record": None}
_ID: Names = {"id": ()}


def _names(*parts: Names) -> Names:
    return {name: attributes for part in (EVERYWHERE, *parts) for name, attributes in part.items()}


COMMENT = _names(_CARD, _KEY, {"text": ()})
REMINDER = _names(_CARD, _PERSON, _KEY, {"subject": (), "text": (), "due": ()})
EMAIL = _names(_PERSON, _KEY, {"subject": (), "text": ()})
FIND = _names(_CARD, _KEY)
CARD = _names(_CARD)
BY_PHONE = _names({"phone": (), "notation": ()})
BY_NAME = _names({"name": (), "word": ()})
STATE = _names(_ID)
STATES = _names({"ids": ()})
WITHDRAW = _names(_ID, _KEY, _RECORD, {"why": ()})
REMOVE = _names(_ID, _CARD)
CALL = _names(_ID)
CATCH_UP = _names({"since": (), "until": ()})
PERSON = _names(_PERSON)
NOTHING = _names()
#: Of a dialler: a number as it writes numbers, in E.164, and in all notations.
NUMBER = _names({"number": (), "e164": (), "notations": (), "request_id": ()})
NUMBER_ENTRY = _names({"number": (), "e164": (), "notations": (), "request_id": ()}, _ID)
#: Of a dialler's checks.
REQUEST = _names({"request_id": ()})


def with_record(names: Names) -> Names:
    """The same, and the record that is looked at: of conditions and of a card's name and link."""
    return {**names, **_RECORD}


def with_id(names: Names) -> Names:
    """The same, and the id of what was written: of reading it back."""
    return {**names, **_ID}


#: For the README: which placeholders the templates of a table may name.
BY_TABLE: Mapping[str, Names] = {
    "comment": COMMENT,
    "reminder": REMINDER,
    "email": EMAIL,
    "find": FIND,
    "card": CARD,
    "contact_by_phone": BY_PHONE,
    "contact_by_name": BY_NAME,
    "reminder_state": STATE,
    "reminder_states": STATES,
    "withdraw": WITHDRAW,
    "remove": REMOVE,
    "call": CALL,
    "catch_up": CATCH_UP,
    "person": PERSON,
    "check": NOTHING,
}
