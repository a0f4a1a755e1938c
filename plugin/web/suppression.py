"""``/suppression``: whom not to call and not to write to, for diallers and mailers that bear a token (contract 3.8)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from flask import Response, request
from flask_smorest import Blueprint

from connectors.kit.phones import first_number
from plugin.common.clock import Now
from plugin.common.strict_json import NotJsonError, read_object
from plugin.deciding.ruleset.values import SuppressionScope
from plugin.errors import EventError
from plugin.ledger import Ledger
from plugin.promise.email_list import MAILINGS, address_in, suppressed_of
from plugin.promise.suppression_list import SuppressionEntry, entries_of, suppression_page
from plugin.web.bearer import REFUSALS, SECURITY, BearerGate
from plugin.web.errors import error_response, json_response
from plugin.web.routes import Says, add_route
from plugin.web.suppression_schemas import (
    NumbersSchema,
    NumberStateSchema,
    NumberStatesSchema,
    SuppressionPageSchema,
)

#: Numbers of one check, and entries' numbers of one page at most and if nothing is said.
MOST_NUMBERS = 10_000
_MOST_A_PAGE = 10_000
_A_PAGE = 1_000
#: A longer text is no number's field.
_LONGEST = 500

_LISTED = (
    ("scope", "`calls` or `mailings`; both if left out", {"type": "string", "enum": [*SuppressionScope]}),
    (
        "since",
        "An RFC 3339 time: only numbers of which something was said or taken back from then on, released ones too",
        {"type": "string", "format": "date-time"},
    ),
    ("after", "The number after which the page begins: `next` of the last one", {"type": "string"}),
    ("limit", "Numbers of the page", {"type": "integer", "minimum": 1, "maximum": _MOST_A_PAGE, "default": _A_PAGE}),
)
_ETAG = ("If-None-Match", "header", "The ETag of the last answer: 304 if nothing has changed", {"type": "string"})


def suppression_blueprint(ledger: Ledger, now: Now) -> Blueprint:
    """The paths of the list."""
    gate = BearerGate(ledger, now, "suppression")

    def number_state(number: str) -> Response:
        """What one number, in any notation, or e-mail address is excluded from now."""
        return gate.refusal() or _one(ledger, number)

    def check_numbers() -> Response:
        """What each of many numbers is excluded from now."""
        return gate.refusal() or _many(ledger, request.get_data())

    def list_numbers() -> Response:
        """The list page by page, in the order of the numbers."""
        return gate.refusal() or _page(ledger, request.args)

    blueprint = Blueprint("suppression", __name__, description="Whom not to call and not to write to")
    unreadable = {422: Says("What cannot be used, named one by one"), 503: Says("The ledger cannot be read now")}
    states = {200: Says("The number's state", NumberStateSchema)} | REFUSALS | unreadable
    add_route(blueprint, "GET", "/suppression/<number>", number_state, states, security=SECURITY)
    body = {"required": True, "content": {"application/json": {"schema": NumbersSchema}}}
    many = {200: Says("A state for each", NumberStatesSchema), 400: Says("Not JSON")} | REFUSALS
    many |= {413: Says("The body is too large")} | unreadable
    add_route(blueprint, "POST", "/suppression/check", check_numbers, many, security=SECURITY, requestBody=body)
    asked = [(name, "query", text, schema) for name, text, schema in _LISTED]
    parameters = [
        {"name": name, "in": where, "description": text, "schema": schema}
        for name, where, text, schema in [*asked, _ETAG]
    ]
    page = {200: Says("A page", SuppressionPageSchema), 304: Says("As the ETag says")} | REFUSALS | unreadable
    add_route(blueprint, "GET", "/suppression", list_numbers, page, security=SECURITY, parameters=parameters)
    return blueprint


def _one(ledger: Ledger, given: str) -> Response:
    number, address = first_number(given[:_LONGEST]), address_in(given)
    if number is None and address is None:
        return error_response(
            422, "no_number", "This is no phone number", hint="Give it with its code: +79161234567, 8 916 123-45-67"
        )
    return json_response(200, _states(ledger, [given])[0], {"Cache-Control": "no-store"})


def _many(ledger: Ledger, body: bytes) -> Response:
    try:
        given = _checked(read_object(body).get("numbers"))
    except NotJsonError as error:
        return error_response(400, "not_json", f"the body is not a JSON object: {error}")
    return json_response(200, {"results": _states(ledger, given)}, {"Cache-Control": "no-store"})


def _states(ledger: Ledger, given: Sequence[Any]) -> list[dict[str, Any]]:
    """Of each field what its number is excluded from and, where it is an e-mail address, what that is."""
    numbers = [first_number(one) if _is_field(one) else None for one in given]
    addresses = [address_in(one) for one in given]
    with ledger.read() as connection:
        entries = entries_of(connection, [number for number in numbers if number is not None])
        excluded = suppressed_of(connection, [address for address in addresses if address is not None])
    found = []
    for one, number, address in zip(given, numbers, addresses, strict=True):
        state = _state(one, number, entries.get(number or "", ()))
        if address in excluded:
            state["suppressed"].setdefault(MAILINGS, {"since": _told(excluded[address])})
        found.append(state)
    return found


def _page(ledger: Ledger, given: Mapping[str, str]) -> Response:
    asked = _asked(given)
    with ledger.read() as connection:
        page = suppression_page(connection, **asked)
    entries = [
        {
            "number": entry.number,
            "scope": entry.scope,
            "since": _told(entry.since),
            "until": _told(entry.until) if entry.until else None,
        }
        for entry in page.entries
    ]
    response = json_response(200, {"entries": entries, "next": page.next}, {"Cache-Control": "no-cache"})
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    response.make_conditional(request)
    return response


# --- what is asked ------------------------------------------------------------------------------------


def _checked(given: Any) -> Sequence[Any]:
    if not isinstance(given, list):
        raise _bad("numbers", "must be a list of numbers")
    if len(given) > MOST_NUMBERS:
        raise _bad("numbers", f"must not be more than {MOST_NUMBERS}")
    return given


def _is_field(value: Any) -> bool:
    return not isinstance(value, str) or len(value) <= _LONGEST


def _asked(given: Mapping[str, str]) -> dict[str, Any]:
    scope, limit, after = given.get("scope"), given.get("limit", str(_A_PAGE)), given.get("after", "")
    if scope is not None and scope not in list(SuppressionScope):
        raise _bad("scope", f"must be one of {', '.join(SuppressionScope)}")
    if not (limit.isascii() and limit.isdigit() and len(limit) < 10 and 1 <= int(limit) <= _MOST_A_PAGE):
        raise _bad("limit", f"must be a whole number from 1 to {_MOST_A_PAGE}")
    if not (after.isprintable() and after.isascii() and len(after) <= _LONGEST):
        raise _bad("after", "must be a number of the list")
    return {"scope": scope, "since": _since(given.get("since")), "after": after, "limit": int(limit)}


def _since(given: str | None) -> datetime | None:
    if given is None:
        return None
    try:
        # A + that was not escaped has become a blank.
        moment = datetime.fromisoformat(given.strip().replace(" ", "+" if "T" in given else "T"))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _bad("since", "must be an RFC 3339 time with its offset, e.g. 2026-11-22T10:15:00Z")


def _bad(field: str, what: str) -> EventError:
    return EventError(422, "bad_fields", f"{field} {what}", fields={field: [what]})


# --- what is told -------------------------------------------------------------------------------------


def _state(given: Any, number: str | None, entries: Sequence[SuppressionEntry]) -> dict[str, Any]:
    stands = {entry.scope: {"since": _told(entry.since)} for entry in entries if entry.until is None}
    return {"number": given, "e164": number, "suppressed": stands}


def _told(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
