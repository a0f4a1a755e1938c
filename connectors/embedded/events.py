"""The CRM's own events: proven by their signature, they name a call that is then read over the API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from connectors.base import EventMalformed, EventNotAuthentic, EventsUnverifiable, Reference
from connectors.embedded.signature import SIGNATURE, TIMESTAMP, is_authentic
from plugin.common.text_tree import clean_tree


def references(secret: str | None, headers: Mapping[str, str], body: bytes, now: datetime) -> list[Reference]:
    """The call that an event names. Raises EventNotAuthentic, EventMalformed."""
    if not secret:
        raise EventsUnverifiable("no webhook_secret is set, so no event can be verified")
    given = {name.lower(): value for name, value in headers.items()}
    timestamp, signature = given.get(TIMESTAMP.lower(), ""), given.get(SIGNATURE.lower(), "")
    if not is_authentic(secret, timestamp, signature, body, now):
        raise EventNotAuthentic("the event's signature or time is wrong")
    try:
        event = clean_tree(json.loads(body)).value
    except (ValueError, RecursionError):
        raise EventMalformed("the event is not JSON") from None
    call = event.get("call") if isinstance(event, dict) else None
    if not isinstance(call, str) or not call:
        raise EventMalformed("the event names no call")
    return [Reference("call", call)]
