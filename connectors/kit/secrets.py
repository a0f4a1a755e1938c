"""Secrets that come in with events and requests, compared with those in the settings."""

from __future__ import annotations

import hmac


def same_secret(given: object, expected: str) -> bool:
    """Whether this is the secret, compared in constant time; an empty secret matches nothing."""
    # Both as bytes: compare_digest refuses text that is not ASCII.
    return isinstance(given, str) and expected != "" and hmac.compare_digest(bytes_of(given), bytes_of(expected))


def bytes_of(text: str) -> bytes:
    """The text's bytes, of any text: settings and requests may hold halves of characters for odd bytes."""
    return text.encode("utf-8", "surrogatepass")
