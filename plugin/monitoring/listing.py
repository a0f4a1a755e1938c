"""Lists alerts, those that stand or all, the newest first. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from plugin.ledger.schema import alerts


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert; ``notified_at`` is when the mail server had accepted the mail to everybody."""

    id: int
    kind: str
    cause: str
    about: Mapping[str, Any]
    opened_at: datetime
    notified_at: datetime | None
    closed_at: datetime | None


def newest_alerts(connection: Connection, limit: int, *, standing_only: bool) -> list[Alert]:
    """At most ``limit`` alerts."""
    query = select(*(alerts.c[field.name] for field in fields(Alert))).order_by(alerts.c.id.desc()).limit(limit)
    if standing_only:
        query = query.where(alerts.c.closed_at.is_(None))
    return [Alert(*row) for row in connection.execute(query)]
