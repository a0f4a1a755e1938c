"""Digests of secrets: tokens are stored by them, keys are derived by them, and proofs are compared in constant time."""

from __future__ import annotations

import hashlib
import hmac


def token_digest(token: str) -> str:
    """SHA-256 in hex: what the ledger stores of a token that only the browser knows."""
    return hashlib.sha256(encoded(token)).hexdigest()


def keyed_digest(key: bytes, text: str) -> str:
    """HMAC-SHA256 in hex."""
    return hmac.new(key, encoded(text), hashlib.sha256).hexdigest()


def derived_key(key: str, purpose: str) -> bytes:
    """A key of its own for each purpose: what signs links signs nothing else."""
    return hmac.digest(key.encode(), f"optout {purpose}".encode(), "sha256")


def is_same(given: str, *wanted: str) -> bool:
    """Whether ``given`` is one of ``wanted``; each is compared, and the time taken tells nothing of them."""
    return any([hmac.compare_digest(encoded(given), encoded(one)) for one in wanted])


def encoded(text: str) -> bytes:
    """UTF-8; a request may also hold halves of characters, which no UTF-8 holds."""
    return text.encode("utf-8", "surrogatepass")
