"""Digests that are stored: of JSON in one canonical form, so that equal values have equal digests in every version."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def json_digest(value: Any, *, ascii_only: bool = False) -> str:
    """sha256 of the canonical JSON: keys sorted, no blanks. 64 hex digits.

    ``ascii_only`` escapes all other characters, so that halves of characters can be digested too.
    """
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=ascii_only)
    return hashlib.sha256(canonical.encode()).hexdigest()
