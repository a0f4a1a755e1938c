"""Who may do what in the console: sets of roles, each of which a route names."""

from __future__ import annotations

from plugin.auth.visitor import Role

#: Everybody but operators: what it is about, the rules as they are.
STAFF: frozenset[Role] = frozenset(("supervisor", "editor", "admin"))
#: Calls and what becomes of them.
CALLS: frozenset[Role] = frozenset(("supervisor", "admin"))
#: Drafts of the rules.
RULES: frozenset[Role] = frozenset(("editor", "admin"))
#: People, exclusions of whole lists, settings.
ADMIN: frozenset[Role] = frozenset(("admin",))
