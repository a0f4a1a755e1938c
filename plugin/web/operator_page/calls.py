"""Which call a request of the page is about, and what is known of it."""

from __future__ import annotations

from flask import abort, request

from plugin.auth.visitor import LinkedCall
from plugin.operator_page.call import PageCall, page_call
from plugin.operator_page.sessions import PageSessions
from plugin.web.auth import visitor


def asked_call(sessions: PageSessions) -> PageCall | None:
    """The call of ``?call=``: as the CRM told of it, or begun on the page; None where nobody knows it."""
    who = visitor()
    known = who.call or who.known
    if known is not None:
        return of_link(known, who.operator)
    call_id = request.args.get("call")
    return sessions.begun(call_id, who.operator) if call_id else None


def needed_call(sessions: PageSessions) -> PageCall:
    """The same; 404 where nobody knows it."""
    call = asked_call(sessions)
    if call is None:
        abort(404)
    return call


def of_link(known: LinkedCall, operator: str) -> PageCall:
    """The call as a link told of it."""
    return page_call(
        known.id,
        phone=known.phone,
        operator=operator,
        card=(known.card.type, known.card.id) if known.card else None,
        card_name=known.name,
        card_url=known.card_url,
        script=known.script,
    )
