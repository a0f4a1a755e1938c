"""The Flask application: what it serves, how large a body may be, and what is logged of a request."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from flask import Flask, g, redirect, request
from flask_smorest import Api
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from plugin import VERSION
from plugin.common.clock import Now, utc_now
from plugin.config.settings import Settings
from plugin.promise.call_starts import CallStarts
from plugin.web import errors
from plugin.web.auth import guard_operators_side
from plugin.web.auth.places import HOME, shown
from plugin.web.bearer import SCHEMES
from plugin.web.console import serve_console
from plugin.web.docs import serve_docs
from plugin.web.events import EVENT_SECURITY, events_blueprint, too_large_teller
from plugin.web.headers import put_security_headers
from plugin.web.health import health_blueprint
from plugin.web.limits import BodyLimits
from plugin.web.metrics import METRICS_SECURITY, Metrics
from plugin.web.operator_page import serve_operators_page
from plugin.web.promises import serve_done_pages
from plugin.web.redirects import keep_here
from plugin.web.schemas import ErrorAnswerSchema
from plugin.web.suppression import suppression_blueprint

if TYPE_CHECKING:
    from connectors.base import Connector
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.console.setup_tools import SetupTools
    from plugin.events.intake import Intake
    from plugin.ledger import Ledger

_LOG = structlog.get_logger(__name__)

_DESCRIPTION = (
    "Call results come in here, signed; what they were decided to be comes back, and is carried out in the CRM. "
    "Every refusal is an `error` with a stable `code`, a `message` and mostly a `hint`."
)


class _Api(Api):  # type: ignore[misc]
    """flask-smorest's documentation without its way of answering errors, which is ``plugin.web.errors``."""

    ERROR_SCHEMA = ErrorAnswerSchema

    def _register_error_handlers(self) -> None:
        pass


def create_app(
    intake: Intake,
    ledger: Ledger,
    settings: Settings,
    rules: ActiveRules,
    connector: Connector | None,
    *,
    now: Now = utc_now,
    tools: SetupTools | None = None,
) -> Flask:
    """The WSGI application. Thread-safe; a body over its path's limit is 413 before anything else."""
    app = Flask("optout", static_folder=None)
    limits, too_large = BodyLimits.of(settings.web), too_large_teller(intake, connector)
    app.config.update(
        API_TITLE="Opt-out rules plugin",
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "info": {"description": _DESCRIPTION},
            "servers": [{"url": settings.web.path or "/"}],
            "components": {"securitySchemes": EVENT_SECURITY | METRICS_SECURITY | SCHEMES},
        },
    )
    app.before_request(lambda: _start(limits, too_large))
    app.after_request(_finish)
    metrics = Metrics(ledger, settings, now)
    app.after_request(metrics.count)
    errors.register(app)
    api = _Api(app)
    started = CallStarts(ledger, rules, settings, now)
    api.register_blueprint(events_blueprint(intake, started, connector, ledger, settings))
    api.register_blueprint(health_blueprint(ledger, rules))
    api.register_blueprint(metrics.blueprint())
    api.register_blueprint(suppression_blueprint(ledger, now))
    has_page = guard_operators_side(app, ledger, settings, connector, now=now)
    if has_page:
        serve_operators_page(app, ledger, rules, intake, settings, connector, now)
        serve_console(app, ledger, rules, settings, connector, now, tools)
    serve_done_pages(app, ledger, settings, now)
    serve_docs(app, settings.web)
    # Who types the bare address is an operator, where there is a page for them.
    app.add_url_rule("/", "root", lambda: redirect(shown(HOME if has_page else "/docs/")))
    return app


def _start(limits: BodyLimits, too_large: Callable[[str], None]) -> None:
    g.started = time.perf_counter()
    limit = limits.at(request.path)
    # One more than allowed: a body without a length is read up to here, silently, and not beyond.
    request.max_content_length = limit + 1
    # Before the path is looked at, the signature, and the rest; Flask itself refuses only a length that is given.
    if (request.content_length or 0) > limit or len(request.get_data(cache=True)) > limit:
        too_large(request.path)
        raise RequestEntityTooLarge


def _finish(response: AnyResponse) -> AnyResponse:
    keep_here(put_security_headers(response))
    if response.status_code >= 400:
        # What was taken in is logged where it is taken in. The rule, not the path: a path may hold a CRM's secret.
        route = request.url_rule.rule if request.url_rule else None
        seconds = round(time.perf_counter() - g.started, 4) if "started" in g else None
        _LOG.info("request", method=request.method, route=route, status=response.status_code, seconds=seconds)
    return response
