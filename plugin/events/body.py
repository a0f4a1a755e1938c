"""An event's body: one plain JSON object, and the digest that tells a repeat from another event under its id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from plugin.common.strict_json import NotJsonError, read_object
from plugin.errors import EventError


def read_body(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``. Raises EventError 400 saying what is not JSON about it."""
    try:
        return read_object(body)
    except NotJsonError as error:
        raise EventError(400, "not_json", f"the body is not a JSON object: {error}") from error


def digest(value: Mapping[str, Any]) -> str:
    """sha256 of the canonical JSON: keys sorted, no blanks. 64 hex digits."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
