"""Secrets that come in with events and requests, compared with those in the settings."""

from __future__ import annotations

import hmac


def same_secret(given: object, expected: str) -> bool:
    """Whether this is the secret, compared in constant time; an empty secret matches nothing."""
    # Both as bytes: compare_digest refuses text that is not ASCII. Headers come with lone surrogates for odd bytes.
    return (
        isinstance(given, str)
        and expected != ""
        and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass"))
    )
