"""Parses an event's body: one plain JSON object, and the digest that tells a repeat from another event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from plugin.common.digest import json_digest
from plugin.common.strict_json import NotJsonError, read_object
from plugin.config.settings import Source
from plugin.errors import EventError


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """An authentic event, its fields not yet validated. Its identity is (``source.recorded_as``, ``id``).

    ``webhook_id`` is the signed header, None for an event that came in another way. ``from_page``: the operators' page
    reports it, whose final event counts even where nothing was answered.
    """

    source: Source
    raw: Mapping[str, Any]
    digest: str
    received: datetime
    webhook_id: str | None = None
    from_page: bool = False


def parse(
    source: Source, body: bytes, received: datetime, *, webhook_id: str | None = None, from_page: bool = False
) -> ParsedEvent:
    """The event in ``body``. Raises EventError 400 saying what is not JSON about it."""
    try:
        raw = read_object(body)
    except NotJsonError as error:
        raise EventError(400, "not_json", f"the body is not a JSON object: {error}") from error
    return ParsedEvent(source, raw, json_digest(raw), received, webhook_id, from_page)


def as_body(result: Mapping[str, Any]) -> bytes:
    """A call result that was made in this process, as a body: the same checks apply to it."""
    return json.dumps(result, ensure_ascii=False).encode("utf-8", "surrogatepass")
