"""Alerts as they are shown: those that stand, or all, the newest first. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    columns = alerts.c
    query = (
        select(
            columns.id,
            columns.kind,
            columns.cause,
            columns.about,
            columns.opened_at,
            columns.notified_at,
            columns.closed_at,
        )
        .order_by(columns.id.desc())
        .limit(limit)
    )
    if standing_only:
        query = query.where(columns.closed_at.is_(None))
    return [Alert(*row) for row in connection.execute(query)]
