"""The table of conversations as one HTML file: nothing is loaded, nothing runs, every text of the rules is escaped.

All of it is text on the page, so that the browser's own search finds it; on a phone each conversation is a card; it
prints on A4 across.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugin.authoring.inspection.drawing.colours import colours_of
from plugin.authoring.inspection.listing import ScriptListing
from plugin.authoring.inspection.markup import render
from plugin.authoring.inspection.table_text import notes


def page(listings: Sequence[ScriptListing]) -> bytes:
    """The file's bytes."""
    title = listings[0].title if len(listings) == 1 else "Скрипты разговоров"
    shown = [(listing, colours_of(listing), notes(listing)) for listing in listings]
    return (render("table.html", title=title, listings=shown) + "\n").encode("utf-8", "replace")
