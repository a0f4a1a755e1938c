"""Whether an event comes from the CRM: an HMAC over its body, or a token, wherever the CRM puts it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime

from connectors.base import EventNotAuthentic
from connectors.kit.secrets import bytes_of, same_secret
from connectors.rest.model import EventProof

_PART = re.compile(rb"\{(body|timestamp|id|method|address)\}")
#: A number of seconds has so few digits; with more it counts milliseconds.
_DIGITS_OF_SECONDS = 11


def check(
    proof: EventProof,
    secret: str,
    headers: Mapping[str, str],
    path_secret: str | None,
    query: Mapping[str, str],
    body: bytes,
    token_in_body: str,
    now: datetime,
) -> None:
    """Raise EventNotAuthentic unless the event is genuine and, where it is timed, recent."""
    given = {name.lower(): value for name, value in headers.items()}
    places = {"header": given.get(proof.name.lower(), ""), "query": query.get(proof.name, "")}
    places |= {"path": path_secret or "", "body": token_in_body}
    shown = places[proof.place]
    if proof.kind == "token":
        if not same_secret(shown, proof.prefix + secret):
            raise EventNotAuthentic("the event's token is wrong or missing")
        return
    _check_signature(proof, secret, shown, given, body, now)


def _check_signature(
    proof: EventProof, secret: str, shown: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> None:
    timestamp = headers.get(proof.timestamp.lower(), "") if proof.timestamp else ""
    candidates = [shown]
    if proof.pairs:
        # t=1700000000,v1=0123…,v1=4567… : several signatures while the CRM changes its key over.
        pairs = [part.strip().partition("=")[::2] for part in shown.split(",")]
        candidates = [value for name, value in pairs if name == (proof.prefix or "v1")]
        timestamp = next((value for name, value in pairs if name == (proof.timestamp or "t")), "")
    elif proof.prefix:
        candidates = [part.removeprefix(proof.prefix) for part in shown.split(" ") if part.startswith(proof.prefix)]
    timed = "{timestamp}" in proof.signed
    parts = {
        b"body": body,
        b"timestamp": bytes_of(timestamp),
        b"id": bytes_of(headers.get(proof.id.lower(), "")) if proof.id else b"",
        # Events come in by POST alone, and what the CRM calls is the address that it was given.
        b"method": b"POST",
        b"address": bytes_of(proof.address),
    }
    signed = _PART.sub(lambda match: parts[match[1]], bytes_of(proof.signed))
    digest = hmac.new(_key(proof, secret), signed, getattr(hashlib, proof.algorithm)).digest()
    if not any(_is_digest(proof, digest, candidate) for candidate in candidates):
        raise EventNotAuthentic("the event's signature is wrong or missing")
    if timed and not _is_recent(timestamp, now, proof.tolerance_seconds):
        raise EventNotAuthentic("the event's time is too far off")


def _is_digest(proof: EventProof, digest: bytes, candidate: str) -> bool:
    if proof.encoding == "hex":
        return same_secret(candidate.lower(), digest.hex())
    return same_secret(candidate, base64.b64encode(digest).decode())


def _key(proof: EventProof, secret: str) -> bytes:
    match proof.secret_is:
        case "hex":
            return bytes.fromhex(secret)
        case "base64":
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    return bytes_of(secret)


def check_secret(proof: EventProof, secret: str) -> None:
    """Raise ValueError, without the secret, where it is not written as ``secret_is`` says."""
    try:
        _key(proof, secret)
    except (ValueError, binascii.Error):
        raise ValueError(f"is not written in {proof.secret_is}") from None


def _is_recent(timestamp: str, now: datetime, tolerance: float) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 14):
        return False
    seconds = int(timestamp) / (1000 if len(timestamp) > _DIGITS_OF_SECONDS else 1)
    return abs(now.timestamp() - seconds) <= tolerance
