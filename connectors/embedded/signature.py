"""The proof that an event comes from the CRM: HMAC-SHA256 over its time and its raw body, in two headers."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from connectors.kit.secrets import bytes_of, same_secret

TIMESTAMP = "X-Crm-Timestamp"
SIGNATURE = "X-Crm-Signature"
#: An event whose time is further off than this is not accepted: an old one may have been recorded on the way.
TOLERANCE_SECONDS = 300


def signed_headers(secret: str, body: bytes, at: datetime) -> dict[str, str]:
    """The headers that go with this body."""
    timestamp = str(int(at.timestamp()))
    return {TIMESTAMP: timestamp, SIGNATURE: _signature(secret, timestamp, body)}


def is_authentic(secret: str, timestamp: str, signature: str, body: bytes, now: datetime) -> bool:
    """Whether the body was signed with this secret, and lately."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    expected = _signature(secret, timestamp, body)
    return same_secret(signature, expected) and abs(now.timestamp() - int(timestamp)) <= TOLERANCE_SECONDS


def _signature(secret: str, timestamp: str, body: bytes) -> str:
    digest = hmac.new(bytes_of(secret), bytes_of(timestamp) + b"." + body, hashlib.sha256)
    return "sha256=" + digest.hexdigest()
