"""Bodies of events in the notation of PHP's forms, ``a[b][c]=d``, read one field after the other.

A mass change has tens of thousands of fields, of which a few are used; the others are never decoded or kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from connectors.base import EventMalformed
from plugin.common.text import sendable

#: The byte order mark, also as a form encodes it.
_MARK = re.compile(rb"\xef\xbb\xbf|%ef%bb%bf", re.IGNORECASE)


def form_of(body: bytes, most_fields: int, wanted: Callable[[str], bool] | None = None) -> dict[str, str]:
    """The fields by their full names, the last one of those with the same name; where asked, only wanted ones.

    A byte order mark is skipped. What is not UTF-8 or cannot be stored becomes U+FFFD or a blank: it may stand in a
    field that nobody needs. Raises EventMalformed for more than ``most_fields`` fields, unwanted ones included.
    """
    found: dict[str, str] = {}
    for count, (name, value) in enumerate(_pairs(body), 1):
        if count > most_fields:
            raise EventMalformed(f"the event has more than {most_fields} fields")
        written = _text(name)
        if wanted is None or wanted(written):
            found[written] = _text(value)
    return found


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


def _pairs(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and values as they are written; no more than one pair is copied at a time."""
    mark = _MARK.match(body)
    start = mark.end() if mark else 0
    while start < len(body):
        end = body.find(b"&", start)
        end = len(body) if end < 0 else end
        if end > start:
            name, _, value = body[start:end].partition(b"=")
            yield name, value
        start = end + 1


def _text(written: bytes) -> str:
    plain = written.replace(b"+", b" ")
    if b"%" in plain:
        # Brackets stand in each name; the general way is ten times as slow.
        plain = plain.replace(b"%5B", b"[").replace(b"%5D", b"]")
        plain = unquote_to_bytes(plain) if b"%" in plain else plain
    return sendable(plain.decode("utf-8", "replace"))
