"""The rules: drafts, what they would change, publishing, history."""

from __future__ import annotations

from collections.abc import Sequence

from plugin.web.console.routes import ConsoleRoute

ROUTES: Sequence[ConsoleRoute] = ()
