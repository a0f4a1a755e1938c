"""The clock that everything is given instead of reading the system's, and times as people read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

#: Returns the present as an aware datetime in UTC.
Now = Callable[[], datetime]

#: What texts call a zone, in Russian and in English; any other one is named in full.
RUSSIAN_ZONES: Mapping[str, str] = MappingProxyType({"Europe/Moscow": "МСК"})
ENGLISH_ZONES: Mapping[str, str] = MappingProxyType({"Europe/Moscow": "MSK"})


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)


def local_time(moment: datetime, zone: ZoneInfo, called: Mapping[str, str] = RUSSIAN_ZONES) -> str:
    """The moment as the zone's clocks show it, and the zone: ``23.11.2026 10:15 (МСК)``.

    One that ``called`` has no name for is told in full: ``23.11.2026 18:15 (Asia/Magadan, UTC+11:00)``.
    """
    local = moment.astimezone(zone)
    offset = local.strftime("%z")
    name = called.get(zone.key) or f"{zone.key}, UTC{offset[:3]}:{offset[3:5]}"
    return f"{local:%d.%m.%Y %H:%M} ({name})"
