"""Bodies of events in the notation of PHP's forms, ``a[b][c]=d``."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from connectors.base import EventMalformed


def form_of(body: bytes, most_fields: int) -> dict[str, str]:
    """The fields by their full names, the last one of those with the same name. Raises EventMalformed."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=most_fields, errors="strict")
    except ValueError:
        raise EventMalformed("the event is no form in UTF-8, or has too many fields") from None
    return dict(pairs)


def nested(fields: dict[str, str]) -> dict[str, Any]:
    """``{"a[b][c]": "d"}`` as ``{"a": {"b": {"c": "d"}}}``. Raises EventMalformed."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        *path, last = (part.rstrip("]") for part in name.split("["))
        here = found
        for part in path:
            here = here.setdefault(part, {})
            if not isinstance(here, dict):
                raise EventMalformed("the event's fields contradict each other")
        here[last] = value
    return found
