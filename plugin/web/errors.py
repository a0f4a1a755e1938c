"""Every refusal has one shape, from the web server, Flask or a view: ``{"error": {"code", "message", "hint"?}}``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import ceil
from typing import Any

import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from connectors.base import CrmUnavailable
from plugin.errors import EventError, InputError, LedgerUnavailable, OptoutError

_LOG = structlog.get_logger(__name__)

#: What a caller can do about the statuses that the web server and Flask answer by themselves.
_STANDARD: dict[int, tuple[str, str, str | None]] = {
    400: ("bad_request", "The request is not readable HTTP", None),
    404: ("not_found", "Nothing is served at this path", "The paths are listed at /docs"),
    405: ("method_not_allowed", "This path does not take this method", "See the Allow header, or /docs"),
    408: ("timeout", "The request did not arrive in time", None),
    413: ("too_large", "The body is too large", "The limits are [web] max_body_bytes and max_crm_event_bytes"),
    431: ("headers_too_large", "The headers are too large", None),
    500: ("internal", "The request could not be handled; the fault is in the plugin's log", None),
    501: ("not_implemented", "This transfer encoding is not supported", "Send Content-Length, or chunked"),
}


def json_response(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; text stays readable, not escaped."""
    payload = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(payload, status=status, mimetype="application/json", headers=dict(headers or {}))


def error_body(status: int) -> dict[str, Any]:
    """The body for a status that a view did not explain."""
    code, message, hint = _STANDARD.get(status, ("error", f"The request was refused with status {status}", None))
    return _error(code, message, hint)


def error_response(
    status: int, code: str, message: str, *, hint: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """A refusal with its own code and message."""
    return json_response(status, _error(code, message, hint), headers)


def kept_headers(error: HTTPException) -> dict[str, str]:
    """The headers of Flask's own refusal that ours carries too."""
    return {name: value for name, value in error.get_headers() if name.lower() in {"allow", "retry-after"}}


def retry_seconds(error: CrmUnavailable, usual: int) -> int:
    """When to try again, as the CRM asks for it, or after the usual time."""
    return usual if error.after is None else max(1, ceil(error.after))


def answer(error: Exception) -> Response:
    """The JSON response to an error of a view, without internals."""
    if isinstance(error, HTTPException):
        return _http_error(error)
    return _own_error(error) if isinstance(error, OptoutError) else _fault(error)


def register(app: Flask) -> None:
    """Answer every error of a view as JSON, without internals."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(OptoutError, _own_error)
    app.register_error_handler(Exception, _fault)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:  # a redirect
        return Response(error.get_body(), status, dict(error.get_headers()))
    return json_response(status, error_body(status), kept_headers(error))


def _own_error(error: OptoutError) -> Response:
    if isinstance(error, LedgerUnavailable):
        _LOG.warning("request.unavailable", route=_route(), why=error.message)
        return json_response(503, {"error": error.to_json()}, {"Retry-After": str(error.retry_after)})
    if isinstance(error, EventError):
        return json_response(error.status, {"error": error.to_json()})
    if isinstance(error, InputError):
        return json_response(422, {"error": error.to_json()})
    return _fault(error)


def _fault(error: Exception) -> Response:
    _LOG.error("request.failed", route=_route(), exc_info=error)
    return json_response(500, error_body(500))


def _error(code: str, message: str, hint: str | None) -> dict[str, Any]:
    error = {"code": code, "message": message}
    return {"error": error | {"hint": hint} if hint else error}


def _route() -> str:
    # Not the path: it may hold a CRM's path secret.
    return request.url_rule.rule if request.url_rule else "(unknown)"
