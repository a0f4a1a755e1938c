"""The CRM as a WSGI application: who may come in, what errors look like, and its API and pages put together."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

from flask import Flask, Response, jsonify, request
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from connectors.embedded.crm.api import api, fault_control
from connectors.embedded.crm.app import Crm
from connectors.embedded.crm.page import PageGuard, pages
from connectors.embedded.crm.records import NoSuchRecord, NotPossible
from connectors.kit.secrets import same_secret

log = logging.getLogger("connectors.embedded")

LARGEST_BODY = 1_048_576


def application(crm: Crm) -> Flask:
    """The WSGI application in front of this CRM."""
    app = Flask(__name__, static_folder="static", static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.before_request(lambda: _admit(crm.options.token))
    app.register_blueprint(api(crm))
    if crm.options.faults is not None:
        app.register_blueprint(fault_control(crm.options.faults))
    guard = PageGuard(crm.options.page_open, crm.options.page_token)
    app.register_blueprint(pages(crm.store, crm.options.timezone, guard, crm.options.script_url))
    _handle_errors(app)
    return app


def _admit(token: str) -> Response | None:
    """API and faults need the token; pages have a guard of their own."""
    if not request.path.startswith(("/api/", "/faults")):
        return None
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    known = same_secret(given.strip(), token)
    if scheme.lower() == "bearer" and known:
        return None
    response = _error(401, "unauthorized", "the bearer token is missing or wrong")
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _handle_errors(app: Flask) -> None:
    @app.errorhandler(ValidationError)
    def invalid(error: ValidationError) -> Response:
        fields = error.messages if isinstance(error.messages, dict) else {"_schema": error.messages}
        return _error(422, "invalid", f"wrong fields: {', '.join(sorted(fields))}", fields=fields)

    @app.errorhandler(NotPossible)
    def not_possible(error: NotPossible) -> Response:
        return _error(error.status, error.code, str(error), fields=error.fields)

    @app.errorhandler(NoSuchRecord)
    def missing(_error_: NoSuchRecord) -> Response:
        return _error(404, "not_found", "no such record")

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        name = (error.name or "error").lower().replace(" ", "_")
        return _error(status, "no_such_address" if status == 404 else name, error.description or name)

    @app.errorhandler(sqlite3.Error)
    def storage(error: sqlite3.Error) -> Response:
        log.error("the database refused: %s", type(error).__name__)
        response = _error(503, "storage", "the database cannot be used now")
        response.headers["Retry-After"] = "5"
        return response


def _error(status: int, code: str, message: str, *, fields: Any = None) -> Response:
    body: dict[str, Any] = {"code": code, "message": message}
    if fields:
        body["fields"] = fields
    response = jsonify({"error": body})
    response.status_code = status
    return response
