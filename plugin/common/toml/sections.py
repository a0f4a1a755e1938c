"""A TOML file in sections, one for each header: its own text, and where in the document it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

from plugin.common.toml.lines import STRING, Place

#: What may hold a line break or a bracket inside a value.
_TOKEN = re.compile(rf"{STRING.pattern}|#[^\n]*|[\[{{]|[\]}}]|\n", re.DOTALL)
_TRIVIA = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*")
#: The end of the file, after a last remark without a line break perhaps.
_END = re.compile(r"[ \t]*(?:#[^\n]*)?\Z")
_HEADER = re.compile(r"[ \t]*\[")


@dataclass(frozen=True, slots=True)
class Section:
    """A header's text up to the next one; what precedes the first header is the section of place ``()``.

    ``place``: keys, and the index of each list element on the way. ``lead``: the remarks and blank lines before the
    header; ``header``: its line, empty for the root; ``body``: the keys and values, remarks among them.
    """

    place: Place
    lead: str
    header: str
    body: str

    @property
    def text(self) -> str:
        """All of it, to the byte."""
        return self.lead + self.header + self.body


def split_sections(text: str) -> list[Section]:
    """The sections of a valid document, in order; their texts put together are the document's."""
    found: list[Section] = []
    counts: dict[Place, int] = {}
    place: Place = ()
    lead, header, start = "", "", 0
    for begin, end in _headers(text):
        body, following = _parted(text[start:begin], root=not header)
        found.append(Section(place, lead, header, body))
        lead, header, start = following, text[begin:end], end
        place = _place(header, counts)
    found.append(Section(place, lead, header, text[start:]))
    return found


def _parted(text: str, *, root: bool) -> tuple[str, str]:
    """A section's body, and the remarks after it that belong to the next header.

    A file's opening remarks, up to the last blank line, are its own and not the first header's.
    """
    end = 0
    for _, after in _statements(text):
        end = after
    rest = text[end:]
    if root and end == 0:
        end = rest.rfind("\n\n") + 2 if "\n\n" in rest else 0
        return text[:end], text[end:]
    return text[:end], rest


def _headers(text: str) -> Iterator[tuple[int, int]]:
    for begin, end in _statements(text):
        if _HEADER.match(text, begin):
            yield begin, end


def _statements(text: str) -> Iterator[tuple[int, int]]:
    """Where each header, and each key with its value, begins and ends, its line break included."""
    position = 0
    while True:
        trivia = _TRIVIA.match(text, position)
        position = trivia.end() if trivia else position
        if _END.match(text, position):
            return
        begin, depth = position, 0
        for token in _TOKEN.finditer(text, position):
            sign = token.group()
            depth += (sign in "[{") - (sign in "]}")
            if sign == "\n" and depth <= 0:
                position = token.end()
                break
        else:
            position = len(text)
        yield begin, position


def _place(header: str, counts: dict[Place, int]) -> Place:
    """The place that a header opens; ``counts`` holds how many elements each list has so far."""
    is_element = header.lstrip().startswith("[[")
    keys = _keys(tomllib.loads(header))
    place: Place = ()
    for key in keys[:-1]:
        place = _latest((*place, key), counts)
    place = (*place, keys[-1])
    if is_element:
        counts[place] = counts.get(place, 0) + 1
    return _latest(place, counts)


def _latest(place: Place, counts: dict[Place, int]) -> Place:
    return (*place, counts[place] - 1) if place in counts else place


def _keys(parsed: object) -> list[str]:
    keys = []
    while parsed:
        if isinstance(parsed, list):
            parsed = parsed[0]
        elif isinstance(parsed, dict):
            key, parsed = next(iter(parsed.items()))
            keys.append(key)
    return keys
