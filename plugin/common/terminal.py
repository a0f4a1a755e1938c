"""Text for a terminal: wrapped to 80 columns, in tables, without characters that a terminal would act upon."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence

WIDTH = 80


def clean(text: str) -> str:
    """The text on one line, unprintable characters as blanks."""
    return "".join(char if char.isprintable() else " " for char in text)


def wrapped(
    text: str, indent: int = 0, *, first: str = "", after: str | None = None, width: int = WIDTH, hyphens: bool = True
) -> list[str]:
    """The text in lines of at most ``width`` columns, ``indent`` of them blank.

    ``first`` stands before the first line, ``after`` before the others (as many blanks, if left out). ``hyphens``:
    whether a word may be broken at its hyphens.
    """
    lead = " " * indent
    later = lead + (" " * len(first) if after is None else after)
    lines = textwrap.wrap(
        clean(text), width, initial_indent=lead + first, subsequent_indent=later, break_on_hyphens=hyphens
    )
    return lines or [(lead + first).rstrip()]


def paragraph(text: str, indent: int = 0) -> list[str]:
    """The text in lines, those after the first two columns further in; names and options with hyphens stay whole."""
    return wrapped(text, indent, after="  ", hyphens=False)


def quoted(text: str, indent: int) -> list[str]:
    """A text of several lines, each marked by a bar."""
    bar = " " * indent + "│ "
    return [bar + line for part in text.split("\n") for line in wrapped(part, width=WIDTH - len(bar))]


def side_by_side(columns: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    """Columns of lines side by side, one blank between them."""
    height = max(map(len, columns))
    padded = [[*column, *[""] * (height - len(column))] for column in columns]
    return [
        " ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*padded, strict=True)
    ]


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int], wrap: Collection[int]
) -> Iterator[str]:
    """A table with its heading. Cells too long for the columns ``wrap`` go on in the next line, others are cut."""
    for row in (head, ["─" * width for width in widths], *rows):
        cells = enumerate(zip(row, widths, strict=True))
        yield from side_by_side([_cell(clean(text), width, index in wrap) for index, (text, width) in cells], widths)


def _cell(text: str, width: int, wraps: bool) -> list[str]:
    if wraps:
        return textwrap.wrap(text, width)
    return [text if len(text) <= width else text[: width - 1] + "…"]
