"""Who may ask for what in the console: every route with the roles that are let through, by hand.

The rules' routes stand in ``rules_by_role``.
"""

from __future__ import annotations

ROUTES: dict[tuple[str, str], str] = {
    ("GET", "/console/"): "supervisor editor admin",
}
