"""All routes of the console, in the order of the navigation."""

from __future__ import annotations

from collections.abc import Sequence

from plugin.web.console import rules, today
from plugin.web.console.routes import ConsoleRoute

ROUTES: Sequence[ConsoleRoute] = (
    *today.ROUTES,
    *rules.ROUTES,
)
