"""The page on which somebody who is signed in sees where else they are on the page, and ends that."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, render_template

from plugin.auth.sessions import Session
from plugin.web.auth.guards import NotAllowed, access
from plugin.web.auth.places import HOME, OWN_SESSIONS

_LOG = structlog.get_logger(__name__)


def own_sessions() -> Response:
    """The person's sessions: signed in by the password, and opened out of the CRM under the same name."""
    return _page(_person())


def end_other_sessions() -> Response:
    """End all of them but this one."""
    person = _person()
    ended = access().open_sessions.end(person.operator, but=person.id)
    _LOG.info("page.other_sessions_ended", count=ended)
    return _page(person, ended=ended)


def add_own_sessions_page(blueprint: Blueprint) -> None:
    """Serve it."""
    blueprint.add_url_rule(OWN_SESSIONS, view_func=own_sessions, methods=["GET"])
    blueprint.add_url_rule(OWN_SESSIONS, view_func=end_other_sessions, methods=["POST"])


def _person() -> Session:
    """Who is signed in; whoever came by a link sees nobody's sign-ins."""
    own = access()
    person = own.session("session")
    if person is None:
        raise NotAllowed(401, "not_signed_in")
    return person


def _page(person: Session, *, ended: int | None = None) -> Response:
    html = render_template(
        "access/own_sessions.html",
        csrf=person.csrf,
        ended=ended,
        home=HOME,
        own=person.id,
        sessions=access().open_sessions.of(person.operator),
        zone=access().timezone,
    )
    return Response(html, mimetype="text/html")
