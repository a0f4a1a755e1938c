"""``/healthz`` says that the process lives, ``/readyz`` that it can take call results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response
from flask_smorest import Blueprint
from sqlalchemy import select

from plugin.errors import ConfigError, InputError, LedgerUnavailable
from plugin.ledger.schema import activations
from plugin.web.errors import json_response
from plugin.web.routes import Says, add_route
from plugin.web.schemas import HealthSchema, ReadinessSchema

if TYPE_CHECKING:
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.ledger import Ledger

_PROBE = select(activations.c.id).limit(1)


def health_blueprint(ledger: Ledger, rules: ActiveRules) -> Blueprint:
    """The probes of whoever watches the process."""

    def healthz() -> Response:
        """Whether the process lives; looks at nothing else."""
        return json_response(200, {"status": "alive"})

    def readyz() -> Response:
        """Whether the ledger can be read, its tables are not older than this version, and rules are active."""
        try:
            schema = ledger.schema()
            if schema.pending:
                # Newer tables still serve an older process until it is replaced.
                what = f"the ledger's tables are of version {schema.current}, this needs {schema.pending[-1]}"
                raise ConfigError(what, hint="Run: optout db upgrade")
            with ledger.read() as connection:
                connection.execute(_PROBE)
            revision = rules.current().revision
        except (LedgerUnavailable, InputError) as error:
            return json_response(503, {"error": error.to_json()}, {"Retry-After": "5"})
        return json_response(200, {"status": "ready", "ruleset": revision})

    blueprint = Blueprint("health", __name__, description="Probes for whoever watches the process")
    add_route(blueprint, "GET", "/healthz", healthz, {200: Says("The process lives", HealthSchema)})
    ready = {
        200: Says("Call results can be taken", ReadinessSchema),
        503: Says("The ledger cannot be read, its tables are too old, or no rules are active"),
    }
    add_route(blueprint, "GET", "/readyz", readyz, ready)
    return blueprint
