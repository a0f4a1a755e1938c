"""The addresses of the operators' side, and those of them that a redirect may lead to.

All are as the application sees them; browsers get them with what a reverse proxy's path puts before them (``shown``).
"""

from __future__ import annotations

from urllib.parse import unquote, urlencode, urlsplit

from flask import redirect, request
from werkzeug.wrappers import Response

ROOT = "/operator"
CONSOLE = "/console"
HOME = f"{ROOT}/"
SIGN_IN = f"{ROOT}/sign-in"
SIGN_OUT = f"{ROOT}/sign-out"
PASSWORD = f"{ROOT}/password"
SECOND_FACTOR = f"{ROOT}/second-factor"
OWN_SESSIONS = f"{ROOT}/sessions"
_LONGEST = 2000


def is_console(path: str) -> bool:
    """Whether this address is the console's."""
    return path == CONSOLE or path.startswith(f"{CONSOLE}/")


def shown(place: str) -> str:
    """The address of a place as the browser of this request knows it."""
    return request.script_root + place


def go_to(place: str) -> Response:
    """Send the browser on to a place."""
    return redirect(shown(place), 303)


def call_url(call_id: str) -> str:
    """The page of a call."""
    return f"{HOME}?{urlencode({'call': call_id})}"


def sign_in_url(back: str) -> str:
    """The sign-in page, which leads back to ``back`` if that is one of ours."""
    target = safe_next(back)
    return SIGN_IN if target == HOME else f"{SIGN_IN}?{urlencode({'next': target})}"


def safe_next(given: str | None) -> str:
    """``given`` if it is a path of the operators' side or the console and nothing that a browser could take for more.

    Else the operators' home.

    Browsers read ``\\`` as ``/``, drop tabs and newlines, and take ``//host`` for another site.
    """
    if not given or len(given) > _LONGEST or not given.startswith((HOME, f"{CONSOLE}/")):
        return HOME
    decoded = unquote(given)
    if any(ord(char) < 0x20 or char in "\\\x7f" for char in given + decoded):
        return HOME
    try:
        parts = urlsplit(given)
    except ValueError:
        return HOME
    path = unquote(parts.path)
    if parts.scheme or parts.netloc or "//" in path or "/../" in f"{path}/" or "/./" in f"{path}/":
        return HOME
    return given
