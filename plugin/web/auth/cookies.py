"""The cookies of the operators' side, with the attributes that let them work in a frame of the CRM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from flask import request
from werkzeug.wrappers import Response

from plugin.auth.devices import LIFE
from plugin.config.settings import PageSettings

#: A signed-in person's session, a session bound to calls, what a sign-in form is tied to, and that somebody has signed
#: in by this browser before.
Kind = Literal["session", "visit", "form", "device"]
_LONGEST_TOKEN = 100
#: Operators who share a browser; each is some 150 bytes of every request.
_MOST_DEVICES = 20


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookies as this deployment sets them.

    ``secure``: over https only. ``framed``: they also work in another site's frame, apart from those outside of it.
    ``path``: what the plugin's addresses begin with, so that nothing else on the host is sent them.
    """

    secure: bool
    framed: bool
    path: str = "/"

    @classmethod
    def of(cls, page: PageSettings, path: str = "") -> Cookies:
        """Those of ``[page]``: frames of other sites need Secure, with SameSite=None and Partitioned."""
        framed = bool(page.frame_ancestors)
        return cls(framed or page.public_url.startswith("https://"), framed, f"{path}/")

    def name(self, kind: Kind, of: str = "") -> str:
        """By the prefix browsers hold the cookie to this: Secure, for this host alone, set by no other host.

        That prefix is for the whole host; below a path there is only the one for Secure.
        """
        name = f"optout_{kind}_{of}" if of else f"optout_{kind}"
        if not self.secure:
            return name
        return f"__Host-{name}" if self.path == "/" else f"__Secure-{name}"

    def get(self, kind: Kind, of: str = "") -> str | None:
        """The request's token of this kind; ``of``: whose, where a browser has several."""
        token = request.cookies.get(self.name(kind, of))
        return token if token and len(token) <= _LONGEST_TOKEN else None

    @property
    def in_frame(self) -> bool:
        """Whether the request's answer is shown in a frame, as far as the browser tells."""
        return self.framed and request.headers.get("Sec-Fetch-Dest") == "iframe"

    def set(self, response: Response, kind: Kind, token: str) -> None:
        """Have the browser keep a token until it is closed."""
        response.set_cookie(self.name(kind), token, **self._attributes)

    def set_device(self, response: Response, of: str, token: str) -> None:
        """Have the browser keep a device's token for long; beyond some logins it forgets the others."""
        kept = self.name("device", of)
        known = [name for name in request.cookies if name.startswith(self.name("device")) and name != kept]
        for name in known[_MOST_DEVICES - 1 :]:
            response.delete_cookie(name, **self._attributes)
        response.set_cookie(kept, token, max_age=LIFE, **self._attributes)

    def forget(self, response: Response, kind: Kind) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self.name(kind), **self._attributes)

    @property
    def _attributes(self) -> dict[str, Any]:
        same_site = "None" if self.framed else "Lax"
        return {
            "path": self.path,
            "secure": self.secure,
            "httponly": True,
            "samesite": same_site,
            "partitioned": self.framed,
        }
