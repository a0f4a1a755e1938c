"""What needs somebody now."""

from __future__ import annotations

from collections.abc import Sequence

from plugin.web.console.access import STAFF
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, show


def today(services: ConsoleServices) -> Answer:
    """The first page."""
    return show("console/today.html", now=services.now())


ROUTES: Sequence[ConsoleRoute] = (ConsoleRoute("GET", "/", "today", today, STAFF, "today", "Сегодня"),)
