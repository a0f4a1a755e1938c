"""All routes of the console, in the order of the navigation."""

from __future__ import annotations

from collections.abc import Sequence

from plugin.web.console import (
    acts,
    alerts,
    calls,
    configuration,
    deliveries,
    events,
    missing,
    people,
    promises,
    replays,
    rules,
    suppression,
    today,
    tokens,
)
from plugin.web.console.routes import ConsoleRoute

ROUTES: Sequence[ConsoleRoute] = (
    *today.ROUTES,
    *calls.ROUTES,
    *replays.ROUTES,
    *promises.ROUTES,
    *deliveries.ROUTES,
    *events.ROUTES,
    *alerts.ROUTES,
    *acts.ROUTES,
    *missing.ROUTES,
    *rules.ROUTES,
    *suppression.ROUTES,
    *tokens.ROUTES,
    *people.ROUTES,
    *configuration.ROUTES,
)
