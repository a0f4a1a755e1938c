"""Tokens by which other programs ask whom not to call: made, shown once, revoked."""

from __future__ import annotations

from collections.abc import Sequence

from flask import redirect, request, url_for

from plugin.auth.api_tokens import SCOPES, ApiTokens
from plugin.console.people import note_act
from plugin.errors import InputError
from plugin.web.console.access import ADMIN
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, show, visitor


def tokens(services: ConsoleServices) -> Answer:
    """All of them, revoked ones too."""
    return _page(services)


def add_token(services: ConsoleServices) -> Answer:
    """Make one; the page shows it this once."""
    name = request.form.get("name", "").strip()
    try:
        made = ApiTokens(services.ledger, services.now).add(name, list(SCOPES))
    except InputError as error:
        return _page(services, f"{error.message}.", name=name)
    note_act(services.ledger, "token", visitor().operator, services.now(), {"name": name, "did": "выдан"})
    return _page(services, made=made, name=name)


def revoke_token(services: ConsoleServices) -> Answer:
    """Let its bearer in no more."""
    name = request.form.get("name", "")
    ApiTokens(services.ledger, services.now).revoke(name)
    note_act(services.ledger, "token", visitor().operator, services.now(), {"name": name, "did": "отозван"})
    return redirect(url_for("console.tokens"), 303)


def _page(services: ConsoleServices, fault: str | None = None, *, made: str | None = None, name: str = "") -> Answer:
    rows = ApiTokens(services.ledger, services.now).all()
    status = 422 if fault else 200
    return show("console/tokens.html", status, fault=fault, made=made, name=name, rows=rows, scopes=SCOPES)


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/tokens", "tokens", tokens, ADMIN, "suppression"),
    ConsoleRoute("POST", "/tokens/add", "add_token", add_token, ADMIN, "suppression"),
    ConsoleRoute("POST", "/tokens/revoke", "revoke_token", revoke_token, ADMIN, "suppression"),
)
