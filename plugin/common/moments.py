"""Times and spans as people give them, and as they are shown to them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from plugin.errors import InputError

_SPAN = re.compile(r"(\d{1,5})([hd])")
_DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}")
_UNITS = {"h": "hours", "d": "days"}


def clock(moment: datetime, zone: ZoneInfo, *, seconds: bool = False) -> str:
    """The moment by the deployment's clocks, for people."""
    return moment.astimezone(zone).strftime("%d.%m.%Y %H:%M:%S" if seconds else "%d.%m.%Y %H:%M")


def clock_or_dash(moment: datetime | None, zone: ZoneInfo) -> str:
    """The same for a column; a dash where there is none."""
    return clock(moment, zone) if moment else "—"


def iso(moment: datetime, zone: ZoneInfo) -> str:
    """The moment by the deployment's clocks, for programs."""
    return moment.astimezone(zone).isoformat(timespec="seconds")


def moment_of(given: str | None, zone: ZoneInfo, now: datetime, option: str = "--since") -> datetime | None:
    """The moment of an option: a day or time by the deployment's clocks, or so long ago. Raises InputError."""
    if given is None:
        return None
    span = _span(given)
    if span is not None:
        return now - span
    try:
        moment = datetime.fromisoformat(given.strip())
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)
    except ValueError as error:
        raise InputError(
            f"{option}: «{given[:40]}» не похоже на время", hint="Например: 2026-11-22, '2026-11-22 10:00', 24h, 7d"
        ) from error


def end_of(option: str, given: str | None, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The moment up to which something is meant; a day is meant with all of it. Raises InputError."""
    moment = moment_of(given, zone, now, option)
    if moment is None or given is None or not _DAY.fullmatch(given.strip()):
        return moment
    return moment + timedelta(days=1)


def span_of(option: str, given: str) -> timedelta:
    """The span of an option, such as 365d. Raises InputError."""
    span = _span(given)
    if not span:
        raise InputError(f"{option}: «{given[:40]}» не похоже на срок", hint="Например: 365d, 36h")
    return span


def _span(given: str) -> timedelta | None:
    found = _SPAN.fullmatch(given.strip())
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
