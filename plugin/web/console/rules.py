"""The rules: drafts, what they would change, publishing, history."""

from __future__ import annotations

from collections.abc import Sequence

from plugin.web.console import rules_acts, rules_files, rules_history, rules_pages, rules_publish, rules_try
from plugin.web.console.routes import ConsoleRoute

ROUTES: Sequence[ConsoleRoute] = (
    *rules_pages.ROUTES,
    *rules_acts.ROUTES,
    *rules_try.ROUTES,
    *rules_publish.ROUTES,
    *rules_files.ROUTES,
    *rules_history.ROUTES,
)
