"""Finds the call that a request of the page is about."""

from __future__ import annotations

from typing import Any

import phonenumbers
from flask import abort, request

from plugin.auth.visitor import LinkedCall
from plugin.operator_page.call import PageCall, page_call
from plugin.operator_page.sessions import PageSessions
from plugin.operator_page.tickets import Tickets
from plugin.web.auth import visitor
from plugin.web.auth.guards import needs_session


def asked_call(sessions: PageSessions) -> PageCall | None:
    """The call of ``?call=``: from the CRM's link, or begun on the page; None for an unknown one."""
    who = visitor()
    known = who.call or who.known
    if known is not None:
        return of_link(known, who.operator)
    call_id = request.args.get("call")
    return sessions.begun(call_id, who.operator) if call_id else None


def needed_call(sessions: PageSessions) -> PageCall:
    """The same; 404 for an unknown one."""
    call = asked_call(sessions)
    if call is None:
        abort(404)
    return call


def sent_call(sessions: PageSessions, tickets: Tickets) -> PageCall:
    """The call that something is sent for: that of the page's ticket, whoever has signed in since, else as asked for.

    A ticket counts in a browser that somebody is known in. Raises NotAllowed; 404 for an unknown call.
    """
    by_ticket = tickets.read(request.headers.get("X-Page-Ticket"), request.args.get("call"))
    if by_ticket is None:
        return needed_call(sessions)
    needs_session()
    return by_ticket


def call_json(call: PageCall) -> dict[str, Any]:
    """The call as the page shows it."""
    card = {"type": call.card_type, "id": call.card_id} if call.card_id else None
    phone = shown_phone(call.phone) if call.phone else None
    shown = {"shown": phone, "name": call.card_name, "url": call.card_url, "card": card}
    return {"id": call.id, "phone": call.phone, **shown}


def shown_phone(phone: str) -> str:
    """The number in groups: +7 916 123-45-67."""
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return phone
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def of_link(known: LinkedCall, operator: str) -> PageCall:
    """The call of a link."""
    return page_call(
        known.id,
        phone=known.phone,
        operator=operator,
        card=(known.card.type, known.card.id) if known.card else None,
        card_name=known.name,
        card_url=known.card_url,
        script=known.script,
    )
