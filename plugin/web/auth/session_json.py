"""The browser's session for the page's script: whether somebody is signed in, and signing in without leaving the page.

Signing in here takes a header that other sites cannot send without being asked first, and they are answered nothing.
"""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, request

from plugin.auth.sign_in import Busy, TooOften, Wrong
from plugin.auth.users import User
from plugin.common.strict_json import NotJsonError, read_object
from plugin.web.auth.attempts import check_code, check_password
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
    """Sign in by ``{"login", "password", "code"}``: the new session's ``{"csrf", "operator"}``; 403, 429 or 503.

    ``code`` is that of the second factor, for an account that has one: 403 ``code_needed`` asks for it.
    """
    if "X-CSRF-Token" not in request.headers or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise NotAllowed(403, "bad_csrf")
    given = _given()
    found, address = check_password(given["login"], given["password"])
    if not isinstance(found, User):
        return _refused(found)
    if access().second_factors.is_on(found.id):
        if not given["code"]:
            return error_response(403, "code_needed", "the account has a second factor: send its code as well")
        right = check_code(found, given["code"])
        if right is not True:
            return _refused(right) if right else error_response(403, "wrong_code", "the code is wrong")
    return _signed_in(found, address)


def add_session_routes(blueprint: Blueprint) -> None:
    """Serve both."""
    blueprint.add_url_rule(PATH, view_func=session_state, methods=["GET"])
    blueprint.add_url_rule(PATH, view_func=sign_in_here, methods=["POST"])


def _signed_in(user: User, address: str) -> Response:
    own = access()
    token = own.sessions.sign_in(user.id, user.login, user.password_at, own.cookies.get("session"))
    session = own.sessions.find(token) if token else None
    if token is None or session is None:
        return _refused(Wrong())
    _LOG.info("page.signed_in", user=user.id, role=user.role, client=address)
    response = json_response(200, {"csrf": session.csrf, "operator": session.operator})
    own.cookies.set(response, "session", token)
    own.cookies.set_device(response, own.devices.name(user.login), own.devices.make(user.login))
    return response


def _refused(found: Wrong | TooOften | Busy) -> Response:
    if isinstance(found, TooOften):
        return error_response(429, "too_often", "too many failures", headers={"Retry-After": str(found.seconds)})
    if isinstance(found, Busy):
        return error_response(503, "busy", "too many sign in at this moment", headers={"Retry-After": "3"})
    return error_response(403, "wrong_password", "the login or the password is wrong")


def _given() -> dict[str, str]:
    try:
        body = read_object(request.get_data())
    except NotJsonError:
        body = {}
    texts = {name: body.get(name) for name in ("login", "password", "code")}
    return {name: text if isinstance(text, str) else "" for name, text in texts.items()}
