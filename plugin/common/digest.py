"""Digests that are stored: of JSON in one canonical form, so that equal values have equal digests in every version."""

from __future__ import annotations

import hashlib
import json
from typing import Any

#: Made once: ``json.dumps`` makes one for each value.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_ASCII = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def json_digest(value: Any, *, ascii_only: bool = False) -> str:
    """sha256 of the canonical JSON: keys sorted, no blanks. 64 hex digits.

    ``ascii_only`` escapes all other characters, so that halves of characters can be digested too.
    """
    canonical = (_ASCII if ascii_only else _CANONICAL)(value)
    return hashlib.sha256(canonical.encode()).hexdigest()
