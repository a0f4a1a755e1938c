"""The page where what was asked for is not there."""

from __future__ import annotations

from flask import url_for

from plugin.web.console.routes import Answer, show


def not_there(title: str, advice: str, endpoint: str, link: str) -> Answer:
    """What is missing, and where to go from here."""
    return show("console/not_there.html", 404, title=title, advice=advice, to=url_for(endpoint), link=link)
