"""How a program writes phone numbers: with + and country code, with 7, or with 8 as they are dialled in Russia."""

from __future__ import annotations

from enum import StrEnum

_HOME = "+7"
_ABROAD = "810"


class NumberNotation(StrEnum):
    """How numbers are written: ``+79161234567``, ``79161234567``, ``89161234567`` (abroad ``810…``)."""

    E164 = "e164"
    SEVEN = "7"
    EIGHT = "8"

    def write(self, number: str) -> str:
        """An E.164 number in this notation."""
        if self is NumberNotation.E164:
            return number
        digits = number.removeprefix("+")
        if self is NumberNotation.SEVEN:
            return digits
        return f"8{digits[1:]}" if number.startswith(_HOME) else f"{_ABROAD}{digits}"
