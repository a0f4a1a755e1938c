"""Calls that were made or changed since a moment, page by page, in the order in which they were made."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from connectors.base import CatchUpPage, CrmRefused, Reference
from connectors.embedded.client import EmbeddedClient

_PAGE = 200
_NUMBER = re.compile(r"[0-9]{1,18}")


def changed_calls(api: EmbeddedClient, since: datetime, cursor: str | None) -> CatchUpPage:
    """One page. Raises CrmUnavailable, CrmRefused."""
    if cursor is not None and not _NUMBER.fullmatch(cursor):
        raise CrmRefused("the cursor is none of this connector's: begin anew")
    # The CRM keeps whole seconds.
    moment = since.astimezone(UTC).isoformat(timespec="seconds")
    params = {"changed_since": moment, "limit": str(_PAGE)} | ({"after": cursor} if cursor else {})
    calls, following = api.page("calls", params)
    return CatchUpPage([Reference("call", str(call["id"])) for call in calls], following)
