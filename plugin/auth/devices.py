"""What a browser keeps of having signed in somebody before, so that strangers' failures do not keep its owner out.

The device cookie of OWASP's «Slow down online guessing attacks with device cookies»: it proves no identity, and only
says by which count of failures its browser goes.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from plugin.auth.digests import is_same, keyed_digest
from plugin.common.clock import Now

#: How long a browser may rest and still be known.
LIFE = timedelta(days=180)
_NAME_DIGITS = 8
_SEPARATOR = "."


class Devices:
    """Makes and reads these tokens. ``key`` is theirs alone; the same in all processes."""

    def __init__(self, key: bytes, now: Now) -> None:
        self._key = key
        self._now = now

    def name(self, login: str) -> str:
        """What tells a login's token from others' in one browser; it does not tell the login."""
        return keyed_digest(self._key, f"name:{login}")[:_NAME_DIGITS]

    def make(self, login: str) -> str:
        """A token for a browser in which this login was signed in just now."""
        until = int((self._now() + LIFE).timestamp())
        given = _SEPARATOR.join((secrets.token_urlsafe(12), str(until)))
        return _SEPARATOR.join((given, self._proof(login, given)))

    def read(self, login: str, token: str | None) -> str | None:
        """The name of the browser if the token is genuine, of this login and not outlived."""
        given, _, proof = (token or "").rpartition(_SEPARATOR)
        if not is_same(proof, self._proof(login, given)):
            return None
        name, _, until = given.rpartition(_SEPARATOR)
        return name if int(until) > self._now().timestamp() else None

    def _proof(self, login: str, given: str) -> str:
        return keyed_digest(self._key, f"{login}\n{given}")[:43]
