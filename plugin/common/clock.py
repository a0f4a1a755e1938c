"""The clock that everything is given instead of reading the system's, and times as people read them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

#: Returns the present as an aware datetime in UTC.
Now = Callable[[], datetime]


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)


def local_time(moment: datetime, zone: ZoneInfo) -> str:
    """The moment as the zone's clocks show it, the zone named, e.g. ``23.11.2026 10:15 (Europe/Moscow, UTC+03:00)``."""
    local = moment.astimezone(zone)
    offset = local.strftime("%z")
    return f"{local:%d.%m.%Y %H:%M} ({zone.key}, UTC{offset[:3]}:{offset[3:5]})"
