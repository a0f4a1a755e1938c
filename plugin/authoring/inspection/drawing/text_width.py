"""How much room a text takes in the drawing, without the fonts at hand: estimated for a wide one (DejaVu Sans)."""

from __future__ import annotations

from collections.abc import Mapping

_NARROW = "ijlItfr.,:;!|'()[]‹› /·"
_WIDE = "шщжмюыфдъШЩЖМЮЫФДОХQOmwMW@%—…→"
#: Widths in em.
_WIDTHS: Mapping[str, float] = {**dict.fromkeys(_NARROW, 0.37), **dict.fromkeys(_WIDE, 0.84)}
_ORDINARY, _CAPITAL = 0.61, 0.71
_BOLD = 1.09


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """The width of one line in pixels at this font size."""
    em = sum(_WIDTHS.get(char) or (_CAPITAL if char.isupper() else _ORDINARY) for char in text)
    return em * size * (_BOLD if bold else 1)


def fitted(text: str, width: float, size: float, *, bold: bool = False) -> list[str]:
    """The text in lines that fit; a word that is too long by itself is broken."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".lstrip()
        if width_of(longer, size, bold=bold) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while width_of(line, size, bold=bold) > width and len(line) > 1:
            head = _head(line, width, size, bold=bold)
            lines.append(line[:head])
            line = line[head:]
    return [*lines, line] if line or not lines else lines


def _head(word: str, width: float, size: float, *, bold: bool) -> int:
    """How many characters of the word fit, at least one."""
    for end in range(len(word) - 1, 1, -1):
        if width_of(word[:end], size, bold=bold) <= width:
            return end
    return 1
