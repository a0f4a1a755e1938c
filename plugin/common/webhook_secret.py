"""Reads a secret of Standard Webhooks in the spellings in which senders and people write it, and never shows it.

Source: the Standard Webhooks specification (``whsec_`` and base64); libraries and consoles also show base64url, the
signature's ``v1,`` in front, and hexadecimal digits.
"""

from __future__ import annotations

import base64
import binascii
import re

from plugin.common.characters import describe_character

_PREFIX = re.compile(r"(?:v1\s*,\s*)?(?:whsec_)?", re.IGNORECASE)
_QUOTES = {'"': '"', "'": "'", "`": "`", "«": "»", "“": "”", "„": "“", "‘": "’"}
_ALPHABET = re.compile(r"[A-Za-z0-9+/_-]*")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){24,64}")
_URL_SAFE = str.maketrans("-_", "+/")


class UnusableWebhookSecret(ValueError):
    """What was given is no such secret; ``str()`` is a predicate, to stand behind what it was read from."""


def webhook_keys(secret: str) -> tuple[bytes, ...]:
    """The keys that may be meant by this secret, mostly one. Raises UnusableWebhookSecret.

    Hexadecimal digits are valid base64 as well; senders take them for the one or the other, so that both are returned.
    """
    text = _bare(secret)
    digits = text.rstrip("=")
    good = _ALPHABET.match(digits)
    assert good is not None
    if good.end() < len(digits):
        at = secret.find(digits) + good.end()
        raise UnusableWebhookSecret(
            f"holds {describe_character(digits[good.end()])} as character {at + 1}, which base64 does not have"
        )
    try:
        key = base64.b64decode(digits.translate(_URL_SAFE) + "=" * (-len(digits) % 4), validate=True)
    except binascii.Error:
        raise UnusableWebhookSecret("is not base64: it was cut off, or holds a character too many") from None
    if not key:
        raise UnusableWebhookSecret("holds no key")
    return (key, bytes.fromhex(digits)) if _HEX.fullmatch(digits) else (key,)


def _bare(secret: str) -> str:
    """The secret without quotes around it and without what its kind is told by."""
    text = secret.strip()
    while len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    prefix = _PREFIX.match(text)
    return text[prefix.end() :].strip() if prefix else text
