"""Parses an event's body: one plain JSON object, and the digest that tells a repeat from another event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from plugin.common.digest import json_digest
from plugin.common.strict_json import JsonObject, NotJsonError, read_mended
from plugin.common.text import sendable_line
from plugin.common.text_tree import Mended
from plugin.config.settings import Source
from plugin.errors import EventError

#: Up to here a float holds every whole number.
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """An authentic event, its fields not yet validated. Its identity is (``source.recorded_as``, ``id``).

    ``raw`` is the body with its texts ``mended``. ``webhook_id`` is the signed header, None for an event that came in
    another way. ``from_page``: the operators' page reports it, whose final event counts even where nothing was
    answered.
    """

    source: Source
    raw: Mapping[str, Any]
    digest: str
    received: datetime
    webhook_id: str | None = None
    from_page: bool = False
    mended: tuple[Mended, ...] = ()

    @property
    def id(self) -> str | None:
        """The event's id as text, None where it has none."""
        return id_text(self.raw.get("id"))


def parse(
    source: Source, body: bytes, received: datetime, *, webhook_id: str | None = None, from_page: bool = False
) -> ParsedEvent:
    """The event in ``body``. Raises EventError 400 saying what is not JSON about it."""
    try:
        read = read_mended(body)
    except NotJsonError as error:
        raise EventError(400, "not_json", f"the body is not a JSON object: {error}") from error
    return ParsedEvent(source, read.value, _digest(read), received, webhook_id, from_page, read.mended)


def as_body(result: Mapping[str, Any]) -> bytes:
    """A call result that was made in this process, as a body: the same checks apply to it."""
    try:
        return json.dumps(result, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # Halves of characters, which only JSON's own escapes can carry.
        return json.dumps(result).encode()


def id_text(value: object) -> str | None:
    """An id as text, on one line: a number is the text that it is written as. None for what can be no id."""
    if isinstance(value, str):
        return value if value.isprintable() else sendable_line(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(int(value) if abs(value) < _EXACT and value == int(value) else value)


def _digest(read: JsonObject) -> str:
    """Of the body as it was written: what is mended, and how, may change between versions."""
    try:
        return json_digest(read.written)
    except UnicodeEncodeError:
        return json_digest(read.written, ascii_only=True)
