"""Days as people write them, «24.12.2026–08.01.2027», and as the rules' files have them, ``2026-12-24/2027-01-08``."""

from __future__ import annotations

import re

#: Fields that hold such days, one period a line.
DAYS = frozenset({"away", "holidays", "working"})
EXAMPLE = "24.12.2026–08.01.2027"
_DAY = r"\d{1,2}\.\d{1,2}\.\d{4}"
_TYPED = re.compile(rf"({_DAY})(?:\s*(?:[-–—/]|по)\s*({_DAY}))?")
_WRITTEN = re.compile(r"(\d{4})-(\d\d)-(\d\d)")


def period_written(typed: str) -> str:
    """A period as the files have it; what is no day stays as it was typed, for the check to tell."""
    found = _TYPED.fullmatch(typed.strip())
    return "/".join(_iso(day) for day in found.groups() if day) if found else typed.strip()


def period_shown(written: str) -> str:
    """A period as people write it."""
    return _WRITTEN.sub(r"\3.\2.\1", written).replace("/", "–")


def _iso(day: str) -> str:
    number, month, year = day.split(".")
    return f"{year}-{month:0>2}-{number:0>2}"
