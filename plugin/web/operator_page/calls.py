"""Finds the call that a request of the page is about."""

from __future__ import annotations

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
