"""RFC 3161 time stamps of the chain's heads: asked for, read and verified, by the package rfc3161-client.

What is stamped is the text of the head, ``NUMBER:HEAD``, as it is mailed and printed.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from typing import Any

#: How to get what verifies stamps.
PACKAGE = 'pip install "optout-plugin[stamps]"'
_GRANTED = 0
_MAX_TEXT = 200


class StampUnusable(Exception):
    """A stamp that proves nothing; the message says why, in English."""


class StampPackageMissing(Exception):
    """rfc3161-client is not installed."""

    def __init__(self) -> None:
        super().__init__(f"the package rfc3161-client is not installed: {PACKAGE}")


@dataclass(frozen=True, slots=True)
class StampRequest:
    """A request as it is posted (DER), and its number, which the answer has to repeat."""

    body: bytes
    nonce: int


def head_text(seq: int, link: str) -> bytes:
    """What is stamped of a head."""
    return f"{seq}:{link}".encode()


def has_package() -> bool:
    """Whether stamps can be asked for and verified here."""
    return find_spec("rfc3161_client") is not None


def stamp_request(stamped: bytes) -> StampRequest:
    """Ask for a stamp of this text. Raises StampPackageMissing."""
    _need_package()
    # Loaded where it is used: it is an extra, and hardly any command needs it.
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder  # noqa: PLC0415

    request = TimestampRequestBuilder().data(stamped).hash_algorithm(HashAlgorithm.SHA256).build()
    assert request.nonce is not None
    return StampRequest(request.as_bytes(), request.nonce)


def stamped_at(answer: bytes, stamped: bytes, certificates: bytes, nonce: int | None = None) -> datetime:
    """When this text was stamped, by a service's answer (DER) that ``certificates`` (PEM) vouch for.

    Certificates have to have been valid then, not now. Raises StampUnusable, StampPackageMissing.
    """
    _need_package()
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response  # noqa: PLC0415

    try:
        roots = load_pem_x509_certificates(certificates)
    except ValueError:
        raise StampUnusable("the file of certificates holds none that can be used") from None
    try:
        response = decode_timestamp_response(answer)
        if response.status != _GRANTED:
            raise StampUnusable(f"the service refused: {_refusal(response)}")
        VerifierBuilder(roots=roots, nonce=nonce).build().verify_message(response, stamped)
        return response.tst_info.gen_time
    except (VerificationError, ValueError) as error:
        raise StampUnusable(f"the stamp does not verify: {' '.join(str(error).split())[:_MAX_TEXT]}") from None


def to_file(answer: bytes) -> str:
    """An answer as it stands in a proof's file."""
    return b64encode(answer).decode()


def from_file(text: str) -> bytes:
    """The answer again. Raises StampUnusable."""
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise StampUnusable("it is no base64") from None


def stamp_in(head: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The stamp of a head in a proof; None where it has none, as in files that were made before there were any."""
    stamp: Mapping[str, Any] | None = head.get("stamp")
    return stamp


def _need_package() -> None:
    if not has_package():
        raise StampPackageMissing


def _refusal(response: Any) -> str:
    said = " ".join(response.status_string)[:_MAX_TEXT]
    return f"status {response.status}" + (f" ({said})" if said else "")
