"""Text for a terminal: wrapped to 80 columns, without characters that a terminal would act upon."""

from __future__ import annotations

import textwrap

WIDTH = 80


def clean(text: str) -> str:
    """The text on one line, unprintable characters as blanks."""
    return "".join(char if char.isprintable() else " " for char in text)


def wrapped(text: str, indent: int = 0, *, first: str = "", width: int = WIDTH) -> list[str]:
    """The text in lines of at most ``width`` columns, ``indent`` of them blank; ``first`` stands before the first."""
    lead = " " * indent
    hanging = lead + " " * len(first)
    return textwrap.wrap(clean(text), width, initial_indent=lead + first, subsequent_indent=hanging) or [lead + first]


def quoted(text: str, indent: int) -> list[str]:
    """A text of several lines, each marked by a bar."""
    bar = " " * indent + "│ "
    return [bar + line for part in text.split("\n") for line in wrapped(part, width=WIDTH - len(bar))]


def beside(columns: list[list[str]], widths: list[int]) -> list[str]:
    """Columns of lines side by side, one blank between them."""
    height = max(map(len, columns))
    padded = [column + [""] * (height - len(column)) for column in columns]
    return [
        " ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*padded, strict=True)
    ]
