"""What the page's script asks for while a call is on: JSON in, JSON out, each for the call of ``?call=``."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from plugin.common.strict_json import NotJsonError, read_object
from plugin.errors import EventError
from plugin.events.schema import MAX_FACTS
from plugin.operator_page.call import PageCall
from plugin.operator_page.client_lookup import ClientLookup, FoundClient
from plugin.operator_page.confirmation import read_confirmation
from plugin.operator_page.journal import bad_page_request, read_journal_save
from plugin.operator_page.sessions import PageSessions
from plugin.operator_page.tickets import Tickets
from plugin.web.auth import json_view
from plugin.web.auth.guards import json_route
from plugin.web.errors import json_response
from plugin.web.operator_page.calls import call_json, needed_call, sent_call


def add_routes(blueprint: Blueprint, sessions: PageSessions, clients: ClientLookup, tickets: Tickets) -> None:
    """Serve them."""

    @json_route
    def next_question() -> Response:
        """The conversation from the answers given so far on, where the page cannot know it."""
        body = _body()
        facts = body.get("facts")
        if not isinstance(facts, dict) or len(facts) > MAX_FACTS:
            raise bad_page_request(["facts"])
        tree = sessions.next(sent_call(sessions, tickets), _text(body, "script"), _text(body, "revision"), facts)
        return json_response(200, {"tree": tree.to_json()})

    @json_route
    def save_journal() -> Response:
        """Save the journal; 409 with that of another window that continued the call meanwhile."""
        body = _body()
        save = read_journal_save(body)
        journal, taken = sessions.save(sent_call(sessions, tickets), _text(body, "script"), save)
        answer: dict[str, Any] = {"seq": journal.seq, "now": sessions.now()}
        return json_response(200, answer) if taken else json_response(409, answer | {"trail": journal.to_json()})

    @json_view
    def read_journal() -> Response:
        """The journal, whichever window has saved it."""
        journal = sessions.journal(needed_call(sessions))
        return json_response(200, {"trail": journal.to_json() if journal else None, "now": sessions.now()})

    @json_route
    def preview() -> Response:
        """What confirming would write now."""
        body = _body()
        return json_response(
            200, sessions.preview(sent_call(sessions, tickets), _text(body, "script"), read_confirmation(body))
        )

    @json_route
    def confirm() -> Response:
        """Report the end: it is decided again, and carried out."""
        body = _body()
        status, answer = sessions.confirm(sent_call(sessions, tickets), _text(body, "script"), read_confirmation(body))
        return json_response(status, answer)

    @json_view
    def progress() -> Response:
        """How far the deliveries of the confirmed end have got; null where the event is of another call."""
        found = sessions.progress(needed_call(sessions), request.args.get("event", ""))
        return json_response(200, {"progress": found, "now": sessions.now()})

    @json_route
    def look_up() -> Response:
        """The client's card and what the number asked for before, while the first phrase is being read."""
        body, call = _body(), sent_call(sessions, tickets)
        return _client(body, call, clients.look_up(call), by_hand=False)

    @json_route
    def change_client() -> Response:
        """Another number or card; the fields that cannot be used are named in Russian."""
        body, call = _body(), sent_call(sessions, tickets)
        return _client(body, call, clients.change(call, body), by_hand=True)

    def _client(body: dict[str, Any], before: PageCall, found: FoundClient, *, by_hand: bool) -> Response:
        script, revision, call = _text(body, "script"), _text(body, "revision"), found.call
        is_same = sessions.tells_the_same(before, call, script, revision)
        if by_hand and not is_same:
            # The conversation may be another one: the page is opened anew for what was changed by hand.
            return json_response(200, {"client": found.to_json(), "reload": True})
        told = {"context": sessions.context(call, script, revision), "ticket": tickets.make(call)}
        if not is_same:
            # What only the card tells: the operator goes on where they are.
            told |= sessions.conversation(call, script, revision)
        return json_response(200, {"client": found.to_json(), "call": call_json(call), **told})

    for path, method, view in (
        ("/next", "POST", next_question),
        ("/trail", "PUT", save_journal),
        ("/trail", "GET", read_journal),
        ("/client", "POST", look_up),
        ("/client", "PUT", change_client),
        ("/foresee", "POST", preview),
        ("/confirm", "POST", confirm),
        ("/progress", "GET", progress),
    ):
        blueprint.add_url_rule(path, view.__name__, view, methods=[method])


def _body() -> dict[str, Any]:
    try:
        return read_object(request.get_data())
    except NotJsonError as error:
        raise EventError(400, "not_json", f"the body is not a JSON object: {error}") from error


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value or len(value) > 255:
        raise bad_page_request([name])
    return value
