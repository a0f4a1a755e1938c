"""Russian grammar that texts need: a noun in the form its number asks for."""

from __future__ import annotations


def counted(number: int, one: str, few: str, many: str) -> str:
    """The number with its noun: 1 разговор, 3 разговора, 5 разговоров."""
    last, lasts = number % 10, number % 100
    form = one if last == 1 and lasts != 11 else few if 2 <= last <= 4 and not 12 <= lasts <= 14 else many
    return f"{number} {form}"
