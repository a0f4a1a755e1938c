"""Redirects lead to this server only, whatever name it was asked by, and no cache keeps them."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from werkzeug.wrappers import Response


def keep_here(response: Response) -> Response:
    """Take scheme and host out of a redirect: they come from the request, and no page of ours leads elsewhere."""
    location = response.headers.get("Location")
    if location is None:
        return response
    response.headers["Cache-Control"] = "no-store"
    parts = urlsplit(location)
    if parts.scheme or parts.netloc:
        # Two slashes, or one and a backslash, would be another host to a browser.
        path = "/" + parts.path.lstrip("/\\")
        response.headers["Location"] = urlunsplit(("", "", path, parts.query, parts.fragment))
        # The text repeats the address.
        response.set_data(b"")
    return response
