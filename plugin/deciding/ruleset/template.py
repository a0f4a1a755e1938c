"""Texts of the rules with placeholders: ``{call.phone}``, ``{fact.client_name}``, ``{deadline}``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

#: Values by placeholder name; None or a missing name is a value that is not known.
Context = Mapping[str, str | None]

#: What a call brings along, with the label that stands in a text while there is no call.
CALL_PLACEHOLDERS: Mapping[str, str] = {
    "call.id": "номер звонка в CRM",
    "call.phone": "номер телефона",
    "call.time": "время звонка",
    "call.operator": "оператор",
    "call.note": "заметка оператора",
    "card.id": "номер карточки",
    "card.name": "имя в карточке",
    "card.url": "ссылка на карточку",
    "deadline": "срок",
}

#: The labels as they stand in texts: while there is no call, and for a card that is read only when it is written to.
LABELS: Mapping[str, str] = {name: f"‹{label}›" for name, label in CALL_PLACEHOLDERS.items()}

_PLACEHOLDER = re.compile(r"\{([^{}\n]*)\}")
_MISSING_IN_LINE = "не указано"


class _Line(NamedTuple):
    """A line with placeholders still to fill: ``literals[i]`` stands before ``names[i]``, the last one at the end.

    ``kept``: a placeholder filled in earlier had a value, so that the line stays whatever the others have.
    """

    literals: tuple[str, ...]
    names: tuple[str, ...]
    kept: bool


class Template:
    """A text cut into lines and placeholders once, to be filled in many times.

    A line none of whose placeholders has a value is left out of the text.
    """

    __slots__ = ("_lines", "_text", "names")

    def __init__(self, text: str) -> None:
        split = [_PLACEHOLDER.split(line) for line in text.strip("\n").split("\n")]
        self._take([_Line(tuple(parts[::2]), tuple(parts[1::2]), len(parts) == 1) for parts in split])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and self._lines == other._lines

    def __hash__(self) -> int:
        return hash(tuple(self._lines))

    def bind(self, values: Context, names: Collection[str]) -> Template:
        """The template with these placeholders filled in and the others left open."""
        bound = Template("")
        bound._take(
            [_bind(line, values, names) if isinstance(line, _Line) else _constant(line) for line in self._lines]
        )
        return bound

    def fill(self, values: Context) -> str:
        """The text with all placeholders filled in."""
        if self._text is not None:
            return self._text
        filled = [line if isinstance(line, str) else _fill(line, values) for line in self._lines]
        return "\n".join([line for line in filled if line is not None])

    def value(self, values: Context) -> str | None:
        """The text filled in, or None where it is empty (for single values such as a name)."""
        return self.fill(values) or None

    def lines(self) -> list[str | tuple[bool, tuple[str, ...]]]:
        """The text line by line, for callers that fill it in elsewhere by the rules of ``fill``.

        A line that is open is literals and placeholder names in turn, and whether it stays where none has a value.
        """
        found: list[str | tuple[bool, tuple[str, ...]]] = []
        for line in self._lines:
            if isinstance(line, _Line):
                between = zip(line.names, line.literals[1:], strict=True)
                found.append((line.kept, (line.literals[0], *(part for pair in between for part in pair))))
            elif line is not None:
                found += line.split("\n")
        return found

    def _take(self, lines: list[_Line]) -> None:
        """Keep the lines, running together those that are constant and dropping those that stay empty."""
        self._lines: list[str | _Line] = []
        for line in lines:
            if line.names:
                self._lines.append(line)
            elif line.kept and self._lines and isinstance(self._lines[-1], str):
                self._lines[-1] += "\n" + line.literals[0]
            elif line.kept:
                self._lines.append(line.literals[0])
        #: The placeholders that are still open.
        self.names = frozenset(name for line in lines for name in line.names)
        self._text = None if self.names else "".join([line for line in self._lines if isinstance(line, str)])


def _constant(text: str) -> _Line:
    return _Line((text,), (), True)


def _bind(line: _Line, values: Context, names: Collection[str]) -> _Line:
    literals, left, kept = [line.literals[0]], [], line.kept
    for name, after in zip(line.names, line.literals[1:], strict=True):
        if name in names:
            value = values.get(name)
            kept = kept or bool(value)
            literals[-1] += (value or _MISSING_IN_LINE) + after
        else:
            left.append(name)
            literals.append(after)
    return _Line(tuple(literals), tuple(left), kept)


def _fill(line: _Line, values: Context) -> str | None:
    text, kept = line.literals[0], line.kept
    for name, after in zip(line.names, line.literals[1:], strict=True):
        value = values.get(name)
        if value:
            kept = True
            text += value + after
        else:
            text += _MISSING_IN_LINE + after
    return text if kept else None
