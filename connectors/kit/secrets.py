"""Secrets that come in with events and requests, compared with those in the settings."""

from __future__ import annotations

import hmac


def same_secret(given: object, expected: str) -> bool:
    """Whether this is the secret, compared in the same time whatever is given; an empty one is nobody's."""
    # Both as bytes: compare_digest refuses text that is not ASCII. Headers come with lone surrogates for odd bytes.
    return (
        isinstance(given, str)
        and expected != ""
        and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass"))
    )
