"""Adds sign-in and guards to the operators' side of an application, or answers there that it is off."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from flask import Blueprint, Flask, request
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response

from plugin.auth.begun_calls import BegunCalls
from plugin.auth.devices import Devices
from plugin.auth.digests import derived_key
from plugin.auth.links import Links
from plugin.auth.open_sessions import OpenSessions
from plugin.auth.passwords import Passwords
from plugin.auth.second_factor import SecondFactors
from plugin.auth.sessions import Sessions
from plugin.auth.sign_in import SignIn
from plugin.auth.throttle import Throttle, throttle_key
from plugin.auth.users import Users
from plugin.common.clock import Now, utc_now
from plugin.errors import LedgerUnavailable
from plugin.web import errors
from plugin.web.auth.cookies import Cookies
from plugin.web.auth.entry import add_entries
from plugin.web.auth.guards import NotAllowed, answer_refusal, check_csrf, wants_json
from plugin.web.auth.headers import security_headers
from plugin.web.auth.own_sessions import add_own_sessions_page
from plugin.web.auth.pages import page
from plugin.web.auth.password import add_password_page
from plugin.web.auth.places import CONSOLE, ROOT, is_console
from plugin.web.auth.second_factor import add_second_factor_page
from plugin.web.auth.session_json import add_session_routes
from plugin.web.auth.state import Access
from plugin.web.auth.views import add_views

if TYPE_CHECKING:
    from connectors.base import Connector
    from plugin.config.settings import Settings
    from plugin.ledger import Ledger

_LOG = structlog.get_logger(__name__)


def guard_operators_side(
    app: Flask,
    ledger: Ledger,
    settings: Settings,
    connector: Connector | None,
    *,
    now: Now = utc_now,
    passwords: Passwords | None = None,
) -> bool:
    """Serve sign-in and the CRM's entries, and guard all under ``/operator`` and ``/console``; whether they are on.

    Where it is off, everything there is 404, and the log says why.
    """
    key = settings.page.secret
    if key is None:
        _switch_off(app)
        return False
    app.extensions["optout_access"] = _access(key, ledger, settings, connector, now, passwords or Passwords(apart=True))
    put_headers, on_console = security_headers(settings.page.frame_ancestors), security_headers(())
    app.before_request(lambda: check_csrf() if _is_ours() else None)

    def with_headers(response: Response) -> Response:
        if not _is_ours():
            return response
        # No other site's page shows the console in a frame.
        return (on_console if is_console(request.path) else put_headers)(response)

    app.after_request(with_headers)
    app.register_error_handler(NotAllowed, answer_refusal)
    blueprint = Blueprint(
        "access", __name__, template_folder="templates", static_folder="static", static_url_path=f"{ROOT}/access"
    )
    add_views(blueprint)
    add_password_page(blueprint)
    add_second_factor_page(blueprint)
    add_own_sessions_page(blueprint)
    add_entries(blueprint)
    add_session_routes(blueprint)
    answer_people(blueprint)
    app.register_blueprint(blueprint)
    return True


def answer_people(blueprint: Blueprint) -> None:
    """Answer errors of a blueprint's pages by Russian pages, those of its JSON routes by JSON."""
    blueprint.register_error_handler(NotAllowed, answer_refusal)
    blueprint.register_error_handler(LedgerUnavailable, _unavailable)
    blueprint.register_error_handler(HTTPException, _http_error)
    blueprint.register_error_handler(Exception, _fault)


# --- details ---------------------------------------------------------------------------------------


def _access(
    key: str, ledger: Ledger, settings: Settings, connector: Connector | None, now: Now, passwords: Passwords
) -> Access:
    own, users = settings.page, Users(ledger, passwords, now)
    keys = [derived_key(one, "second factors") for one in (key, own.old_secret) if one is not None]
    second_factors = SecondFactors(ledger, keys, now)
    throttle = Throttle(ledger, throttle_key(key), now)
    return Access(
        page=own,
        cookies=Cookies.of(own, settings.web.path),
        sessions=Sessions(ledger, now, timedelta(hours=own.session_hours), derived_key(key, "tokens")),
        open_sessions=OpenSessions(ledger, now),
        users=users,
        sign_in=SignIn(users, passwords, throttle, second_factors),
        second_factors=second_factors,
        devices=Devices(derived_key(key, "known browsers"), now),
        links=Links.of(own, now, settings.web.path),
        begun=BegunCalls(ledger, settings),
        connector=connector,
        form_key=derived_key(key, "sign-in form"),
        timezone=settings.timezone,
    )


def _switch_off(app: Flask) -> None:
    def off(rest: str = "") -> Response:
        _LOG.warning("page.off", hint="The operators' page needs [page] secret in plugin.toml: docs/operators-page.md")
        return errors.answer(NotFound())

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    for root in (ROOT, CONSOLE):
        for below in ("", "/", "/<path:rest>"):
            app.add_url_rule(f"{root}{below}", "page_off", off, methods=methods)


def _is_ours() -> bool:
    return request.path == ROOT or request.path.startswith(f"{ROOT}/") or is_console(request.path)


def _unavailable(error: LedgerUnavailable) -> Response:
    if wants_json():
        return errors.answer(error)
    _LOG.warning("page.unavailable", why=error.message)
    return page("unavailable", 503, {"Retry-After": str(error.retry_after)})


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if wants_json() or status < 400:  # a redirect
        return errors.answer(error)
    return page("not_found" if status == 404 else "failed", status, errors.kept_headers(error))


def _fault(error: Exception) -> Response:
    if wants_json():
        return errors.answer(error)
    route = request.url_rule.rule if request.url_rule else None
    _LOG.error("page.failed", route=route, exc_info=error)
    return page("failed", 500)
