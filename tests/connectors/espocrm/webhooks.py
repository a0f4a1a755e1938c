"""EspoCRM's queue of webhooks: what is sent again, how often and when it is given up (``Core/Webhook/Queue.php``)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

#: What the address answered, None where it did not answer.
Post = Callable[[bytes], int | None]

#: Other answers than these, a proxy's 502 and 504 among them, end an item after one attempt. 0: no answer.
_REPEATED = frozenset({0, 401, 403, 404, 405, 408, 500, 503})
_MOST_ATTEMPTS = 4
_APART = timedelta(minutes=10)


@dataclass
class Item:
    """One event to be sent. ``status`` is Pending, Success or Failed."""

    data: dict[str, Any]
    due: datetime
    attempts: int = 0
    status: str = "Pending"


class WebhookQueue:
    """The items of one webhook, sent by cron."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self.items: list[Item] = []

    def add(self, data: dict[str, Any], now: datetime) -> Item:
        """A record changed."""
        self.items.append(Item(data, now))
        return self.items[-1]

    def run(self, now: datetime) -> None:
        """What is due goes out in one request, and shares its fate."""
        due = [item for item in self.items if item.status == "Pending" and item.due <= now]
        if not due:
            return
        status = self._post(json.dumps([item.data for item in due], ensure_ascii=False).encode()) or 0
        for item in due:
            item.attempts += 1
            if 200 <= status < 400:
                item.status = "Success"
            elif status not in _REPEATED or item.attempts >= _MOST_ATTEMPTS:
                item.status = "Failed"
            else:
                item.due = now + _APART
