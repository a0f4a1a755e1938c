"""Who may ask for what in the console: every route with the roles that are let through, by hand.

The rules' routes stand in ``rules_by_role``.
"""

from __future__ import annotations

_ALL, _CALLS, _ADMIN = "supervisor editor admin", "supervisor admin", "admin"

ROUTES: dict[tuple[str, str], str] = {
    ("GET", "/console/"): _ALL,
    ("GET", "/console/calls"): _CALLS,
    ("POST", "/console/calls/views"): _CALLS,
    ("GET", "/console/calls/<int:id_>"): _CALLS,
    ("GET", "/console/calls/<int:id_>/proof/<ending>"): _CALLS,
    ("GET", "/console/promises"): _CALLS,
    ("GET", "/console/promises/report"): _CALLS,
    ("GET", "/console/calls/replay"): _ADMIN,
    ("POST", "/console/calls/replay"): _ADMIN,
    ("GET", "/console/deliveries"): _CALLS,
    ("GET", "/console/deliveries/<int:id_>"): _CALLS,
    ("GET", "/console/deliveries/plan"): _CALLS,
    ("POST", "/console/deliveries/plan"): _CALLS,
    ("GET", "/console/events"): _CALLS,
    ("GET", "/console/events/plan"): _ADMIN,
    ("POST", "/console/events/plan"): _ADMIN,
    ("GET", "/console/alerts"): _CALLS,
    ("GET", "/console/acts/<id_>"): _CALLS,
    ("GET", "/console/acts"): _ADMIN,
    ("GET", "/console/missing"): _ALL,
    ("POST", "/console/missing"): _ALL,
    ("GET", "/console/missing/case"): "editor admin",
    ("POST", "/console/missing/case"): "editor admin",
    ("GET", "/console/suppression"): _CALLS,
    ("GET", "/console/suppression/refused"): _CALLS,
    ("POST", "/console/suppression"): _ADMIN,
    ("POST", "/console/suppression/import"): _ADMIN,
    ("POST", "/console/suppression/export"): _ADMIN,
    ("GET", "/console/tokens"): _ADMIN,
    ("POST", "/console/tokens/add"): _ADMIN,
    ("POST", "/console/tokens/revoke"): _ADMIN,
    ("GET", "/console/users"): _ADMIN,
    ("GET", "/console/users/person"): _ADMIN,
    ("POST", "/console/users/add"): _ADMIN,
    ("POST", "/console/users/change"): _ADMIN,
    ("POST", "/console/users/password"): _ADMIN,
    ("GET", "/console/setup"): _ADMIN,
    ("POST", "/console/setup/check"): _ADMIN,
    ("POST", "/console/setup/bundle"): _ADMIN,
    ("GET", "/console/setup/guide/<name>"): _ADMIN,
}
