"""What the page's script asks for while a call is on: JSON in, JSON out, each for the call of ``?call=``."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from plugin.common.strict_json import NotJsonError, read_object
from plugin.errors import EventError
from plugin.events.schema import MAX_FACTS
from plugin.operator_page.confirmation import read_confirming
from plugin.operator_page.journal import read_saving, refused
from plugin.operator_page.sessions import PageSessions
from plugin.web.auth import json_view
from plugin.web.errors import json_response
from plugin.web.operator_page.calls import needed_call


def add_answers(blueprint: Blueprint, desk: PageSessions) -> None:
    """Serve them."""

    @json_view
    def next_question() -> Response:
        """The conversation from the answers given so far on, where the page cannot know it."""
        body = _body()
        facts = body.get("facts")
        if not isinstance(facts, dict) or len(facts) > MAX_FACTS:
            raise refused(["facts"])
        tree = desk.next(needed_call(desk), _text(body, "script"), _text(body, "revision"), facts)
        return json_response(200, {"tree": tree.to_json()})

    @json_view
    def save_trail() -> Response:
        """Keep what has happened; 409 with the trail of another window that went on meanwhile."""
        body = _body()
        saving = read_saving(body)
        trail, taken = desk.save(needed_call(desk), _text(body, "script"), saving)
        answer: dict[str, Any] = {"seq": trail.seq, "now": desk.now()}
        return json_response(200, answer) if taken else json_response(409, answer | {"trail": trail.to_json()})

    @json_view
    def read_trail() -> Response:
        """What has happened, whichever window it happened in."""
        trail = desk.trail(needed_call(desk))
        return json_response(200, {"trail": trail.to_json() if trail else None, "now": desk.now()})

    @json_view
    def foresee() -> Response:
        """What confirming would write now."""
        body = _body()
        return json_response(200, desk.foresee(needed_call(desk), _text(body, "script"), read_confirming(body)))

    @json_view
    def confirm() -> Response:
        """Take the end in: it is decided again, and carried out."""
        body = _body()
        status, answer = desk.confirm(needed_call(desk), _text(body, "script"), read_confirming(body))
        return json_response(status, answer)

    @json_view
    def progress() -> Response:
        """How far what was confirmed has got; null where the event is not this call's."""
        found = desk.progress(needed_call(desk), request.args.get("event", ""))
        return json_response(200, {"progress": found, "now": desk.now()})

    for path, method, view in (
        ("/next", "POST", next_question),
        ("/trail", "PUT", save_trail),
        ("/trail", "GET", read_trail),
        ("/foresee", "POST", foresee),
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
        raise refused([name])
    return value
