"""A TOML file together with the line of each table and key, so that a fault can be shown where it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: A place in a TOML document: keys and list indexes from the root, e.g. ``("rule", 3, "when")``.
Place = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_\-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_\-]+))*)\s*=(.*)$"""
)
_PART = re.compile(r"""\s*("[^"]*"|'[^']*'|[A-Za-z0-9_\-]+)\s*(?:\.|$)""")


class TomlUnreadable(Exception):
    """The file is not there, not UTF-8 or not TOML. ``line`` is 1-based, 0 where unknown."""

    def __init__(self, what: str, hint: str, line: int = 0) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.line = line


@dataclass(frozen=True, slots=True)
class TomlSource:
    """The parsed document and where its parts stand."""

    data: dict[str, Any]
    lines: Mapping[Place, int]

    def line(self, place: Place) -> int:
        """The 1-based line of this place, or of the nearest table around it; 0 for the whole file."""
        while place:
            if place in self.lines:
                return self.lines[place]
            place = place[:-1]
        return 0


def load_toml(path: Path) -> TomlSource:
    """Read a TOML file. Raises TomlUnreadable (texts in Russian, for the admin)."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TomlUnreadable(f"файл не читается: {error.strerror}", "проверьте имя и права доступа") from error
    return parse_toml(raw)


def parse_toml(raw: bytes) -> TomlSource:
    """Parse the bytes of a TOML file. Raises TomlUnreadable."""
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise TomlUnreadable(
            "файл начинается с метки порядка байтов (BOM)", "сохраните его в кодировке «UTF-8 без BOM»", 1
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise TomlUnreadable(
            "файл не в кодировке UTF-8 (похоже на windows-1251)", "сохраните его в кодировке UTF-8", line
        ) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found.group(1)) if found else text.count("\n") + 1
        raise TomlUnreadable(f"ошибка TOML: {error}", "проверьте кавычки, скобки и знаки «=»", line) from error
    except RecursionError as error:
        raise TomlUnreadable("слишком глубокая вложенность", "упростите файл") from error
    return TomlSource(data, _locate(text))


def _locate(text: str) -> dict[Place, int]:
    """Lines of tables and keys. The text is known to be valid TOML, so that a light scan is enough."""
    lines: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    closing: str | None = None  # the quotes that end the multi-line string we are in
    depth = 0  # brackets of a multi-line array that are still open
    for number, line in enumerate(text.splitlines(), 1):
        if closing:
            if closing not in line:
                continue
            closing, depth = _rest(line.split(closing, 1)[1], depth)
            continue
        if depth:
            closing, depth = _rest(line, depth)
            continue
        if header := _HEADER.match(line):
            table = _table(header.group(1), _parts(header.group(2)), counts)
            for length in range(1, len(table) + 1):
                lines.setdefault(table[:length], number)
        elif key := _KEY.match(line):
            place = table + tuple(_parts(key.group(1)))
            lines.setdefault(place, number)
            closing, depth = _rest(key.group(2), 0)
    return lines


def _table(bracket: str, parts: list[str], counts: dict[Place, int]) -> Place:
    place: Place = ()
    for position, part in enumerate(parts):
        place += (part,)
        last = position == len(parts) - 1
        if last and bracket == "[[":
            counts[place] = counts.get(place, 0) + 1
        if place in counts:
            place += (counts[place] - 1,)
    return place


def _parts(dotted: str) -> list[str]:
    return [match.group(1).strip("\"'") for match in _PART.finditer(dotted)]


def _rest(text: str, depth: int) -> tuple[str | None, int]:
    """Follow a value to the end of its line: the open multi-line quotes, if any, and the open brackets."""
    position = 0
    while position < len(text):
        if text.startswith(('"""', "'''"), position):
            quotes = text[position : position + 3]
            end = text.find(quotes, position + 3)
            if end < 0:
                return quotes, depth
            position = end + 3
        elif text[position] in "\"'":
            position = _string_end(text, position)
        elif text[position] == "#":
            break
        else:
            depth += (text[position] in "[{") - (text[position] in "]}")
            position += 1
    return None, depth


def _string_end(text: str, start: int) -> int:
    quote, position = text[start], start + 1
    while position < len(text) and text[position] != quote:
        position += 2 if quote == '"' and text[position] == "\\" else 1
    return position + 1
