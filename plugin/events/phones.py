"""One notation for phone numbers, so that the same number reported in two notations is the same caller."""

from __future__ import annotations

from connectors.phones import normal_phone


def normalised(phone: str) -> str | None:
    """The number as connectors compare it, ``+79161234567``; None without any digit."""
    return normal_phone(phone) or None
