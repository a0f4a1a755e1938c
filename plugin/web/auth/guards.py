"""Finds the visitor of a request and checks what they may do, for every page and JSON route of the operators' side."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, TypeVar, cast

from flask import current_app, g, request
from werkzeug.wrappers import Response

from plugin.auth.digests import is_same
from plugin.auth.sessions import Session
from plugin.auth.visitor import Role, Visitor
from plugin.web.auth.pages import page
from plugin.web.auth.places import CONSOLE, HOME, SECOND_FACTOR, SIGN_IN, call_url, go_to, is_console, sign_in_url
from plugin.web.auth.state import Access
from plugin.web.errors import error_response

F = TypeVar("F", bound=Callable[..., Any])

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_JSON = "_optout_json"
_OWN_CSRF = "_optout_own_csrf"


class NotAllowed(Exception):
    """The request is refused: ``status`` 401 (no session), 403 (not for this call, this role, this form).

    Answered as the route's kind demands: a page, the sign-in page, or an error's JSON.
    """

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


#: For a program: the message and the hint of each refusal.
_MESSAGES = {
    "not_signed_in": ("Nobody is signed in, or the session has ended", "Sign in, or open the CRM's link again"),
    "other_call": ("This visit is for another call", "Open this call's own link in the CRM"),
    "not_admin": ("This is for admins", None),
    "not_for_role": ("This is not for people of your role", "Ask an admin for another role"),
    "second_factor_needed": ("Admins need a second factor here", "Set it up at /operator/second-factor"),
    "bad_csrf": ("The request does not prove that it comes from the page", "Send X-CSRF-Token; reload the page"),
}


def visitor(call_id: str | None = None) -> Visitor:
    """Who sent the present request, and what is known of the call that it is about.

    The call is ``call_id``, or else the route's, or the query's ``call``; without any, the latest one opened.
    Raises NotAllowed.
    """
    asked = call_id or _asked_call()
    known = g.setdefault("optout_visitors", {})
    if asked not in known:
        known[asked] = _find(asked)
    return cast(Visitor, known[asked])


def page_view(view: F | None = None, *, role: Role = "operator") -> Any:
    """A view that answers with a page: a visitor without a session is sent to sign in, and comes back."""
    return _guarded(role) if view is None else _guarded(role)(view)


def json_view(view: F | None = None, *, role: Role = "operator") -> Any:
    """A view that answers a program: refusals are the project's error JSON, with 401 or 403."""

    def mark(inner: F) -> F:
        guarded = _guarded(role)(inner)
        setattr(guarded, _JSON, True)
        return guarded

    return mark if view is None else mark(view)


def json_route(view: F) -> F:
    """A view that answers a program and looks at its visitor itself."""
    setattr(view, _JSON, True)
    return view


def signed_in(roles: Collection[Role]) -> Visitor:
    """The signed-in person, who has one of the roles; visits that links and frames opened do not count.

    Raises NotAllowed.
    """
    person = access().session("session")
    if person is None:
        raise NotAllowed(401, "not_signed_in")
    if person.role not in roles:
        raise NotAllowed(403, "not_for_role")
    return _person(person, None)


def needs_session() -> None:
    """Some session of this browser, whichever call it is for. Raises NotAllowed."""
    if not (access().session("session") or access().session("visit")):
        raise NotAllowed(401, "not_signed_in")


def own_csrf(view: F) -> F:
    """A view that checks unsafe requests itself, without the session's CSRF token."""
    setattr(view, _OWN_CSRF, True)
    return view


def check_csrf() -> None:
    """Before every request of the operators' side: an unsafe one holds a CSRF token of the browser's own session.

    Raises NotAllowed.
    """
    if request.method in _SAFE or _is_marked(_OWN_CSRF):
        return
    # The console is for people who have signed in: a visit's token counts nothing there.
    visit = None if is_console(request.path) else access().session("visit")
    sessions = [session for session in (visit, access().session("session")) if session]
    if not sessions:
        raise NotAllowed(401, "not_signed_in")
    given = request.headers.get("X-CSRF-Token") or request.form.get("csrf", "")
    # A page may have been opened as either.
    if not is_same(given, *(session.csrf for session in sessions)):
        raise NotAllowed(403, "bad_csrf")


def answer_refusal(error: NotAllowed) -> Response:
    """The refusal as the route's kind demands."""
    if wants_json():
        message, hint = _MESSAGES[error.code]
        return error_response(error.status, error.code, message, hint=hint)
    if error.status == 401:
        return go_to(sign_in_url(_back()))
    if error.code == "second_factor_needed":
        return go_to(SECOND_FACTOR)
    return page(error.code, error.status)


def access() -> Access:
    """The application's access."""
    return cast(Access, current_app.extensions["optout_access"])


def _guarded(role: Role) -> Callable[[F], F]:
    def guard(view: F) -> F:
        @wraps(view)
        def inside(*args: Any, **kwargs: Any) -> Any:
            if role == "admin" and visitor().role != "admin":
                raise NotAllowed(403, "not_admin")
            visitor()
            return view(*args, **kwargs)

        return cast(F, inside)

    return guard


def _find(asked: str | None) -> Visitor:
    """A visit bound to calls goes before a person's session where it was opened for this call, else after it."""
    own = access()
    visit, person = own.session("visit"), own.session("session")
    call = own.sessions.call(visit, asked) if visit else None
    if visit and call and (asked is not None or person is None):
        return Visitor(visit.operator, visit.role, call, visit.csrf, call)
    if person:
        return _person(person, asked)
    raise NotAllowed(403, "other_call") if visit else NotAllowed(401, "not_signed_in")


def _person(person: Session, asked: str | None) -> Visitor:
    if access().needs_second_factor(person):
        raise NotAllowed(403, "second_factor_needed")
    known = access().sessions.call(person, asked) if asked is not None else None
    return Visitor(person.operator, person.role, None, person.csrf, known)


def _back() -> str:
    """Where to go on after signing in: what was asked for, or the page from which something was sent."""
    if request.method not in _SAFE:
        asked = _asked_call()
        if is_console(request.path):
            return f"{CONSOLE}/"
        return call_url(asked) if asked else HOME
    return request.full_path if request.query_string else request.path


def _asked_call() -> str | None:
    named = (request.view_args or {}).get("call_id") or request.args.get("call")
    return str(named) if named else None


def wants_json() -> bool:
    if _is_marked(_JSON) or request.is_json or "X-CSRF-Token" in request.headers:
        return True
    return request.endpoint is None and request.path != SIGN_IN


def _is_marked(mark: str) -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    return bool(getattr(view, mark, False))
