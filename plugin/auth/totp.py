"""One-time codes by time (RFC 6238: HMAC-SHA1, 30 s, six digits), as every authenticator makes them."""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

_STEP = 30
_DIGITS = 6
_BYTES = 20
#: Clocks may differ by so many steps.
_NEAR = 1
_ISSUER = "Optout"


def new_secret() -> bytes:
    """A secret, as long as the digest (RFC 4226, 4)."""
    return secrets.token_bytes(_BYTES)


def as_text(secret: bytes) -> str:
    """The secret as it is typed into an authenticator."""
    return base64.b32encode(secret).decode("ascii").rstrip("=")


def otpauth_url(secret: bytes, login: str) -> str:
    """The link that an authenticator on the same machine opens (Google's Key URI Format)."""
    label = quote(f"{_ISSUER}:{login}", safe="")
    return f"otpauth://totp/{label}?{urlencode({'secret': as_text(secret), 'issuer': _ISSUER})}"


def code_at(secret: bytes, step: int) -> str:
    """The code of a step."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**_DIGITS).zfill(_DIGITS)


def step_of(secret: bytes, code: str, now: datetime, after: int = -1) -> int | None:
    """The step that the code is of, at this time or next to it; None for a wrong one, or one not after ``after``.

    A code counts once: its step is to be given as ``after`` from then on.
    """
    present = int(now.timestamp()) // _STEP
    typed = code.encode("utf-8", "surrogatepass")
    steps = range(present - _NEAR, present + _NEAR + 1)
    right = [step for step in steps if hmac.compare_digest(typed, code_at(secret, step).encode())]
    return next((step for step in right if step > after), None)
