"""JSON as it goes out to a CRM: whatever its texts hold, it can be sent."""

from __future__ import annotations

import json
from typing import Any

from plugin.common.text_tree import clean_tree


def encoded_json(value: Any) -> bytes:
    """The value in UTF-8 with its texts mended. Raises ValueError for a number that JSON does not have."""
    # A tuple's texts are mended by the encoder alone.
    return json.dumps(clean_tree(value).value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
