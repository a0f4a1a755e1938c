"""Short secrets as the ledger keeps them: of no use to whoever has a copy of it without the deployment's key."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence

_NONCE, _TAG, _LONGEST = 16, 16, 32


def seal(key: bytes, secret: bytes) -> str:
    """The secret (up to 32 bytes) encrypted and authenticated, with a nonce of its own (HMAC-SHA256 for both)."""
    if len(secret) > _LONGEST:
        raise ValueError(f"{len(secret)} bytes, allowed: {_LONGEST}")
    nonce = secrets.token_bytes(_NONCE)
    hidden = _masked(key, nonce, secret)
    return base64.b64encode(nonce + _tag(key, nonce + hidden) + hidden).decode("ascii")


def unseal(keys: Sequence[bytes], sealed: str) -> tuple[bytes, bool] | None:
    """The secret, and whether it was sealed by the first key; None where none of the keys has sealed it."""
    try:
        whole = base64.b64decode(sealed, validate=True)
    except ValueError:
        return None
    nonce, tag, hidden = whole[:_NONCE], whole[_NONCE : _NONCE + _TAG], whole[_NONCE + _TAG :]
    for number, key in enumerate(keys):
        if hmac.compare_digest(tag, _tag(key, nonce + hidden)):
            return _masked(key, nonce, hidden), number == 0
    return None


def _masked(key: bytes, nonce: bytes, data: bytes) -> bytes:
    stream = hmac.digest(key, b"mask" + nonce, "sha256")
    return bytes(one ^ other for one, other in zip(data, stream, strict=False))


def _tag(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, b"tag" + data, "sha256")[:_TAG]
