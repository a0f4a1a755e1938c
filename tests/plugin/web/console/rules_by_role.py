"""Who may ask for what of the rules' pages: every route with the roles that are let through, by hand."""

from __future__ import annotations

ROUTES: dict[tuple[str, str], str] = {}
