"""The page on which somebody who is signed in changes their own password."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from plugin.auth.password_rules import SHORTEST, check_rules
from plugin.auth.passwords import PasswordsBusy
from plugin.auth.sessions import Session
from plugin.auth.sign_in import Busy, TooOften, Wrong
from plugin.errors import InputError
from plugin.web.auth.attempts import BUSY, check_password, too_often
from plugin.web.auth.guards import NotAllowed, access
from plugin.web.auth.places import HOME, PASSWORD, shown

_LOG = structlog.get_logger(__name__)


def password_form() -> AnyResponse:
    """The form."""
    return _form(_person())


def change_password() -> AnyResponse:
    """Change it, if the one before is right; the person's other sessions end."""
    person, own = _person(), access()
    current, new = request.form.get("current", ""), request.form.get("new", "")
    if new != request.form.get("again", ""):
        return _form(person, "Новый пароль набран по-разному.", 422)
    try:
        check_rules(new, person.operator)
    except InputError as error:
        return _form(person, f"{error.message}.", 422)
    found, _ = check_password(person.operator, current)
    if isinstance(found, TooOften):
        return _form(person, too_often(found), 429, {"Retry-After": str(found.seconds)})
    if isinstance(found, Wrong):
        return _form(person, "Прежний пароль не подошёл.", 403)
    try:
        user = None if isinstance(found, Busy) else own.users.change_password(person.operator, new)
    except PasswordsBusy:
        user = None
    if user is None:
        return _form(person, BUSY, 503, {"Retry-After": "3"})
    _LOG.info("page.password_changed", user=user.id)
    token = own.sessions.sign_in(user.id, user.login, user.password_at)
    response = _page(person, is_done=True)
    if token is not None:
        own.cookies.set(response, "session", token)
    return response


def add_password_page(blueprint: Blueprint) -> None:
    """Serve it."""
    blueprint.add_url_rule(PASSWORD, view_func=password_form, methods=["GET"])
    blueprint.add_url_rule(PASSWORD, view_func=change_password, methods=["POST"])


def _person() -> Session:
    """Who is signed in; whoever came by a link has no password here."""
    person = access().session("session")
    if person is None:
        raise NotAllowed(401, "not_signed_in")
    return person


def _form(
    person: Session, fault: str | None = None, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return _page(person, fault=fault, status=status, headers=headers)


def _page(
    person: Session,
    *,
    fault: str | None = None,
    is_done: bool = False,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    html = render_template(
        "access/password.html",
        csrf=person.csrf,
        fault=fault,
        home=shown(HOME),
        is_done=is_done,
        login=person.operator,
        shortest=SHORTEST,
    )
    return Response(html, status, headers or {}, mimetype="text/html")
