"""Signing in and out."""

from __future__ import annotations

import secrets
import time

import structlog
from flask import Blueprint, Response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from plugin.auth.digests import is_same, keyed_digest
from plugin.auth.sign_in import Busy, TooOften, Wrong
from plugin.auth.users import User
from plugin.web.auth.address import client_address
from plugin.web.auth.attempts import BUSY, WRONG_CODE, check_code, check_password, too_often
from plugin.web.auth.guards import access, own_csrf
from plugin.web.auth.pages import page
from plugin.web.auth.places import SIGN_IN, SIGN_OUT, go_to, safe_next, shown

_LOG = structlog.get_logger(__name__)

_WRONG = "Логин или пароль не подошли."
#: How long somebody may take for the code.
_CODE_SECONDS = 300
_STALE = "Страница входа устарела. Введите логин и пароль ещё раз."
_NO_COOKIE = (
    "Страница входа устарела, или браузер не хранит её файлов cookie. Введите логин и пароль ещё раз; "
    "если не поможет, разрешите cookie для этого адреса."
)


def sign_in_form() -> AnyResponse:
    """The form; a signed-in visitor goes on, unless they want to sign in as another user (``?other``)."""
    back = safe_next(request.args.get("next"))
    if access().session("session") and "other" not in request.args:
        return go_to(back)
    return _form(back)


@own_csrf
def sign_in() -> AnyResponse:
    """Check login and password; an earlier session ends, so that no planted token becomes a signed-in one."""
    back = safe_next(request.form.get("next"))
    if "pending" in request.form:
        return _sign_in_by_code(back)
    login, password = request.form.get("login", ""), request.form.get("password", "")
    if not _is_own_form():
        return _not_own_form(back, login)
    if not login.strip() or not password:
        return _form(back, login, "Введите логин и пароль.", 422)
    found, address = check_password(login, password)
    if not isinstance(found, User):
        return _refused(back, login, found)
    if access().second_factors.is_on(found.id):
        return _code_form(back, _pending(found))
    return _signed_in(found, back, login, address)


def _not_own_form(back: str, login: str) -> AnyResponse:
    """A browser that keeps no cookies of frames would be asked again and again: it goes on in a tab."""
    own = access()
    if own.cookies.get("form") is not None:
        return _form(back, login, _STALE, 400)
    return page("no_cookies", 200, link=shown(back)) if own.cookies.in_frame else _form(back, login, _NO_COOKIE, 400)


def _refused(back: str, login: str, why: Wrong | TooOften | Busy) -> AnyResponse:
    if isinstance(why, Busy):
        return _form(back, login, BUSY, 503, {"Retry-After": "3"})
    if isinstance(why, TooOften):
        return _form(back, login, too_often(why), 429, {"Retry-After": str(why.seconds)})
    return _form(back, login, _WRONG, 403)


def _sign_in_by_code(back: str) -> AnyResponse:
    """The second step: the code, for the user whose password was right in this browser some minutes ago."""
    pending = request.form.get("pending", "")
    user = _user_of(pending) if _is_own_form() else None
    if user is None:
        return _form(back, "", _STALE, 400)
    found = check_code(user, request.form.get("code", ""))
    if isinstance(found, TooOften):
        return _code_form(back, pending, too_often(found), 429, {"Retry-After": str(found.seconds)})
    if not found:
        return _code_form(back, pending, WRONG_CODE, 403)
    return _signed_in(user, back, user.login, client_address(request, access().page.trusted_proxies))


def _signed_in(user: User, back: str, login: str, address: str) -> AnyResponse:
    own = access()
    token = _session_of(user)
    if token is None:
        return _form(back, login, _WRONG, 403)
    _LOG.info("page.signed_in", user=user.id, role=user.role, client=address)
    response = go_to(back)
    own.cookies.set(response, "session", token)
    own.cookies.forget(response, "form")
    own.cookies.set_device(response, own.devices.name(user.login), own.devices.make(user.login))
    return response


def sign_out() -> AnyResponse:
    """End this browser's sessions, also those that links opened."""
    own = access()
    if (person := own.session("session")) is not None:
        _LOG.info("page.signed_out", session=person.id, client=client_address(request, own.page.trusted_proxies))
    own.sessions.end(*(token for kind in ("session", "visit") if (token := own.cookies.get(kind))))
    response = go_to(SIGN_IN)
    own.cookies.forget(response, "session")
    own.cookies.forget(response, "visit")
    return response


def add_views(blueprint: Blueprint) -> None:
    """Serve them."""
    blueprint.add_url_rule(SIGN_IN, view_func=sign_in_form, methods=["GET"])
    blueprint.add_url_rule(SIGN_IN, view_func=sign_in, methods=["POST"])
    blueprint.add_url_rule(SIGN_OUT, view_func=sign_out, methods=["POST"])


# --- details ---------------------------------------------------------------------------------------


def _session_of(user: User) -> str | None:
    own = access()
    return own.sessions.sign_in(user.id, user.login, user.password_at, own.cookies.get("session"))


def _form(
    back: str, login: str = "", fault: str | None = None, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """The form, tied to a cookie of this browser: no other site can send it to sign its visitor in as another user."""
    own = access()
    tied = own.cookies.get("form") or secrets.token_urlsafe(32)
    html = render_template("access/sign_in.html", back=back, login=login[:100], fault=fault, csrf=_proof(tied))
    response = Response(html, status, headers or {}, mimetype="text/html")
    own.cookies.set(response, "form", tied)
    return response


def _code_form(
    back: str, pending: str, fault: str | None = None, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    tied = access().cookies.get("form") or ""
    html = render_template("access/code.html", back=back, fault=fault, csrf=_proof(tied), pending=pending)
    return Response(html, status, headers or {}, mimetype="text/html")


def _pending(user: User) -> str:
    """What tells, in this browser and for some minutes, that the user's password was right."""
    until = int(time.time()) + _CODE_SECONDS
    told = f"{until}.{user.password_at.timestamp()!r}.{user.login}"
    return f"{_pending_proof(told)}.{told}"


def _user_of(pending: str) -> User | None:
    proof, _, told = pending.partition(".")
    if not is_same(proof, _pending_proof(told)):
        return None
    until, _, rest = told.partition(".")
    user = access().users.find(rest.split(".", 2)[2])
    if user is None or user.disabled_at is not None or int(until) < time.time():
        return None
    return user if told == f"{until}.{user.password_at.timestamp()!r}.{user.login}" else None


def _pending_proof(told: str) -> str:
    return keyed_digest(access().form_key, f"pending\n{access().cookies.get('form')}\n{told}")


def _is_own_form() -> bool:
    tied = access().cookies.get("form")
    return tied is not None and is_same(request.form.get("csrf", ""), _proof(tied))


def _proof(tied: str) -> str:
    return keyed_digest(access().form_key, tied)
