"""Cases as text: several fields to a line, with `` ¦ `` between them."""

from __future__ import annotations


def fields_of(text: str) -> list[str]:
    """The fields in a block of text."""
    lines = (line.strip(" ") for line in text.split("\n"))
    return [field for line in lines if line for field in line.split(" ¦ ")]
