"""The OpenAPI page, ``/docs``: for this machine, or for everybody where ``[web] docs`` says so."""

from __future__ import annotations

import base64
import hashlib
import re

from flask import Blueprint, Flask, Response, abort, request
from flask_swagger_ui import get_swaggerui_blueprint
from werkzeug.wrappers import Response as AnyResponse

from plugin.config.settings import WebSettings
from plugin.web.this_machine import is_from_this_machine

_PREFIX = "/docs"
_DOCUMENT = "/openapi.json"
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_POLICY = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'"
)


def serve_docs(app: Flask, web: WebSettings) -> None:
    """Serve the page and its files from here, and guard them and the document that they show."""
    # The template writes the configuration into a script: nothing of the request (Host) may get there, and no badge is
    # to be fetched from a validator on the internet.
    config = {
        "app_name": "Opt-out rules plugin",
        "validatorUrl": None,
        "oauth2RedirectUrl": f"{web.path}{_PREFIX}/oauth2-redirect.html",
    }
    page: Blueprint = get_swaggerui_blueprint(f"{web.path}{_PREFIX}", f"{web.path}{_DOCUMENT}", config=config)
    page.after_request(_allow_own_scripts)
    app.register_blueprint(page, url_prefix=_PREFIX)

    def guard() -> None:
        is_docs = request.path == _DOCUMENT or f"{request.path}/".startswith(f"{_PREFIX}/")
        if is_docs and not web.docs and not is_from_this_machine(request):
            abort(404)

    app.before_request(guard)


def _allow_own_scripts(response: AnyResponse) -> AnyResponse:
    """The policy of the page: the one script in it is allowed by its digest."""
    if isinstance(response, Response) and response.mimetype == "text/html" and not response.direct_passthrough:
        digests = (hashlib.sha256(script.encode()).digest() for script in _SCRIPT.findall(response.get_data(True)))
        scripts = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
        response.headers["Content-Security-Policy"] = _POLICY.format(scripts=scripts)
    return response
