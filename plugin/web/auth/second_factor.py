"""The page on which somebody who is signed in switches their second factor on or off."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from flask import Blueprint, Response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from plugin.auth.sessions import Session
from plugin.auth.sign_in import Busy, TooOften, Wrong
from plugin.auth.totp import as_text, otpauth_url
from plugin.auth.users import User
from plugin.web.auth.attempts import BUSY, WRONG_CODE, check_code, check_password, too_often
from plugin.web.auth.guards import NotAllowed, access
from plugin.web.auth.places import HOME, SECOND_FACTOR, shown

_LOG = structlog.get_logger(__name__)


def second_factor_form() -> AnyResponse:
    """The secret to be put into an authenticator, or the form to switch it off."""
    return _page(*_person())


def change_second_factor() -> AnyResponse:
    """Switch it on by the first code, or off by a present one; by the password in either case."""
    person, user = _person()
    found, _ = check_password(person.operator, request.form.get("password", ""))
    if isinstance(found, Busy):
        return _page(person, user, BUSY, 503, {"Retry-After": "3"})
    if isinstance(found, TooOften):
        return _page(person, user, too_often(found), 429, {"Retry-After": str(found.seconds)})
    if isinstance(found, Wrong):
        return _page(person, user, "Пароль не подошёл.", 403)
    code = request.form.get("code", "")
    return _switch_off(person, user, code) if person.has_second_factor else _switch_on(person, user, code)


def add_second_factor_page(blueprint: Blueprint) -> None:
    """Serve it."""
    blueprint.add_url_rule(SECOND_FACTOR, view_func=second_factor_form, methods=["GET"])
    blueprint.add_url_rule(SECOND_FACTOR, view_func=change_second_factor, methods=["POST"])


def _switch_on(person: Session, user: User, code: str) -> Response:
    recovery = access().second_factors.confirm(user.id, code)
    if recovery is None:
        return _page(person, user, WRONG_CODE, 403)
    _LOG.info("page.second_factor_on", user=user.id)
    return _page(person, user, recovery=recovery)


def _switch_off(person: Session, user: User, code: str) -> Response:
    found = check_code(user, code)
    if isinstance(found, TooOften):
        return _page(person, user, too_often(found), 429, {"Retry-After": str(found.seconds)})
    if not found:
        return _page(person, user, WRONG_CODE, 403)
    access().second_factors.remove(user.id)
    _LOG.info("page.second_factor_off", user=user.id)
    return _page(person, user)


def _person() -> tuple[Session, User]:
    """Who is signed in; whoever came by a link has no password here."""
    person = access().session("session")
    user = None if person is None else access().users.find(person.operator)
    if person is None or user is None:
        raise NotAllowed(401, "not_signed_in")
    return person, user


def _page(
    person: Session,
    user: User,
    fault: str | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
    recovery: Sequence[str] = (),
) -> Response:
    secret = None if recovery else access().second_factors.begin(user.id)
    html = render_template(
        "access/second_factor.html",
        csrf=person.csrf,
        fault=fault,
        home=shown(HOME),
        is_needed=access().needs_second_factor(person),
        recovery=recovery,
        secret=as_text(secret) if secret else None,
        url=otpauth_url(secret, user.login) if secret else None,
    )
    return Response(html, status, headers or {}, mimetype="text/html")
