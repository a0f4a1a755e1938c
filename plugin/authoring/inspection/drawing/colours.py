"""One colour for each outcome of a script, the same in the table and in the drawing."""

from __future__ import annotations

from plugin.authoring.inspection.listing import ScriptListing

#: Told apart on paper and by people who see red and green alike; texts stand beside them, never on them.
_COLOURS = ("#1a6fb5", "#c77700", "#1b8a5a", "#8a3ffc", "#0f8b8d", "#a3348f", "#6b7a00", "#7a4a1f")
QUIET = "#7b8494"
BAD = "#b3261e"


def colours_of(listing: ScriptListing) -> dict[str | None, str]:
    """Each outcome's colour; grey for those that write nothing, red (None) for no outcome at all."""
    found: dict[str | None, str] = {None: BAD}
    telling = 0
    for ending in listing.endings:
        found[ending.name] = _COLOURS[telling % len(_COLOURS)] if ending.actions else QUIET
        telling += bool(ending.actions)
    return found
