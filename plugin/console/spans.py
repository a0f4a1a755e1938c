"""Spans of time as people say them: 42 с, 5 мин, 3 ч 05 мин, 2 дня 4 ч."""

from __future__ import annotations

from datetime import timedelta

from plugin.common.russian import counted

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def span(length: timedelta) -> str:
    """A length of time, without regard to its sign."""
    seconds = int(abs(length.total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds} с"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} мин"
    if seconds < _DAY:
        hours, minutes = seconds // _HOUR, seconds % _HOUR // _MINUTE
        return f"{hours} ч {minutes:02} мин" if minutes else f"{hours} ч"
    days, hours = seconds // _DAY, seconds % _DAY // _HOUR
    told = counted(days, "день", "дня", "дней")
    return f"{told} {hours} ч" if hours else told


def offset(length: timedelta) -> str:
    """How long after something, or before it; nothing for the same second."""
    if abs(length) < timedelta(seconds=1):
        return ""
    return f"{'−' if length < timedelta(0) else '+'}{span(length)}"
