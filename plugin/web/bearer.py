"""Lets other programs in by their bearer tokens (RFC 6750): 401 without a valid one, 403 for one of another scope."""

from __future__ import annotations

from flask import Response, request

from plugin.auth.api_tokens import ApiTokens
from plugin.common.clock import Now
from plugin.ledger import Ledger
from plugin.web.errors import error_response
from plugin.web.routes import Says

#: What the OpenAPI page says of it.
REFUSALS = {
    401: Says("Without a token, or with one that is unknown or revoked"),
    403: Says("The token is not for this"),
}
SCHEMES = {"bearerToken": {"type": "http", "scheme": "bearer", "description": "A token of `optout token add`"}}
SECURITY: list[dict[str, list[str]]] = [{"bearerToken": []}]


class BearerGate:
    """Who may ask for one scope. Thread-safe."""

    def __init__(self, ledger: Ledger, now: Now, scope: str) -> None:
        self._ledger = ledger
        self._tokens = ApiTokens(ledger, now)
        self._scope = scope

    def refusal(self) -> Response | None:
        """What to answer to who may not ask; None for who may. Raises LedgerUnavailable."""
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        found = None
        if kind.lower() == "bearer" and given.strip():
            with self._ledger.read() as connection:
                found = self._tokens.find(connection, given.strip())
        if found is None:
            return error_response(
                401,
                "token_required",
                "This is for programs that bear a valid token",
                hint=f"optout token add NAME --scope {self._scope}; then send it: Authorization: Bearer …",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if self._scope not in found.scopes:
            return error_response(
                403,
                "token_scope",
                f"The token {found.name} is not of the scope {self._scope}",
                hint=f"optout token add NAME --scope {self._scope}",
                headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{self._scope}"'},
            )
        self._tokens.note_use(found)
        return None
