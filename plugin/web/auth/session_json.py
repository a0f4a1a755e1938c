"""The browser's session for the page's script: whether somebody is signed in, and signing in without leaving the page.

Signing in here takes a header that other sites cannot send without being asked first, and they are answered nothing.
"""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, request

from plugin.auth.sign_in import TooOften
from plugin.auth.users import User
from plugin.common.strict_json import NotJsonError, read_object
from plugin.web.auth.address import client_address
from plugin.web.auth.guards import NotAllowed, access, json_view, own_csrf, visitor
from plugin.web.auth.places import ROOT
from plugin.web.errors import error_response, json_response

_LOG = structlog.get_logger(__name__)

PATH = f"{ROOT}/session"


@json_view
def session_state() -> Response:
    """``{"csrf", "operator"}`` of whoever is known here now; 401 without anybody."""
    who = visitor()
    return json_response(200, {"csrf": who.csrf, "operator": who.operator})


@own_csrf
def sign_in_here() -> Response:
    """Sign in by ``{"login", "password"}``: the new session's ``{"csrf", "operator"}``, 403 or 429."""
    if "X-CSRF-Token" not in request.headers or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise NotAllowed(403, "bad_csrf")
    login, password = _given()
    own = access()
    found = own.sign_in.check(login, password, client_address(request, own.page.trusted_proxies))
    if isinstance(found, TooOften):
        return error_response(429, "too_often", "too many failures", headers={"Retry-After": str(found.seconds)})
    token = None
    if isinstance(found, User):
        token = own.sessions.sign_in(found.id, found.login, found.password_at, own.cookies.get("session"))
    session = own.sessions.find(token) if token else None
    if token is None or session is None:
        return error_response(403, "wrong_password", "the login or the password is wrong")
    _LOG.info("page.signed_in", user=found.id if isinstance(found, User) else None, role=session.role)
    response = json_response(200, {"csrf": session.csrf, "operator": session.operator})
    own.cookies.set(response, "session", token)
    return response


def add_session_routes(blueprint: Blueprint) -> None:
    """Serve both."""
    blueprint.add_url_rule(PATH, view_func=session_state, methods=["GET"])
    blueprint.add_url_rule(PATH, view_func=sign_in_here, methods=["POST"])


def _given() -> tuple[str, str]:
    try:
        body = read_object(request.get_data())
    except NotJsonError:
        body = {}
    login, password = body.get("login"), body.get("password")
    return (login, password) if isinstance(login, str) and isinstance(password, str) else ("", "")
