"""The line of every table, key and list element of a TOML document that is known to be valid.

``tomllib`` tells what a document says but not where; this scanner tells where, and leaves what to ``tomllib``.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

#: A place in a TOML document: keys and list indexes from the root, e.g. ``("rule", 3, "when")``.
Place = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
#: A text, in each of the four ways.
STRING = re.compile(
    r'"""(?:[^\\"]|\\.|"(?!""))*"""(?:"{1,2}(?!"))?'  # up to two quotes may stand before the closing three
    r"|'''(?:[^']|'(?!''))*'''(?:'{1,2}(?!'))?"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
#: A bracket, or what may hold one without being one: a text, a remark.
_BRACKET = re.compile(rf"{STRING.pattern}|#[^\n]*|\[|\]", re.DOTALL)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
#: A number, a bool, a date or a time; a date and its time may be parted by a blank.
_BARE_VALUE = re.compile(r"[^,\]}#\r\n]*")


def locate(text: str) -> dict[Place, int]:
    """The 1-based line at which each place begins. A table has the line of its own header where there is one."""
    return _Scanner(text).scan()


def headers(text: str) -> list[tuple[Place, int]]:
    """Each table's header in the order of the text: the place of its table, and at which character it begins."""
    scanner = _Scanner(text)
    scanner.scan()
    return scanner.headers


def unclosed_list(text: str, last: int) -> int:
    """The line at which the outermost list begins that is still open at line ``last``; 0 where none is."""
    lines = text.split("\n")
    scanned = "\n".join(lines[:last])
    open_at: list[int] = []
    for found in _BRACKET.finditer(scanned):
        sign, line = found.group(), scanned.count("\n", 0, found.start()) + 1
        if sign == "[":
            open_at.append(line)
        elif sign == "]" and open_at:
            open_at.pop()
    return open_at[0] if open_at else 0


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._lines: dict[Place, int] = {}
        #: How many elements each list of tables has so far.
        self._counts: dict[Place, int] = {}
        self.headers: list[tuple[Place, int]] = []

    def scan(self) -> dict[Place, int]:
        table: Place = ()
        self._skip(_BLANK)
        while self._position < len(self._text):
            if self._text[self._position] == "[":
                begins = self._starts[self._line() - 1]
                table = self._header()
                self.headers.append((table, begins))
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._lines

    def _header(self) -> Place:
        line = self._line()
        brackets = 2 if self._text.startswith("[[", self._position) else 1
        self._position += brackets
        parts = self._key()
        self._position += brackets
        place: Place = ()
        for part in parts[:-1]:
            place = self._latest((*place, part))
            self._note(place, line)
        place += (parts[-1],)
        if brackets == 1:
            self._lines[place] = line
            return place
        self._lines.setdefault(place, line)
        self._counts[place] = self._counts.get(place, 0) + 1
        place = self._latest(place)
        self._lines[place] = line
        return place

    def _latest(self, place: Place) -> Place:
        """The table meant by this place: of a list of tables, the last one so far."""
        return (*place, self._counts[place] - 1) if place in self._counts else place

    def _pair(self, table: Place) -> None:
        line = self._line()
        place = table
        for part in self._key():
            place += (part,)
            self._lines.setdefault(place, line)
        self._position += 1  # the sign «=»
        self._skip(_SPACE)
        self._value(place)

    def _key(self) -> list[str]:
        """The parts of a dotted key, up to what ends it."""
        parts = []
        while True:
            self._skip(_SPACE)
            quoted = self._text[self._position] in "\"'"
            part = self._take(STRING if quoted else _BARE_KEY)
            parts.append(_unquoted(part) if quoted else part)
            self._skip(_SPACE)
            if not self._text.startswith(".", self._position):
                return parts
            self._position += 1

    def _value(self, place: Place) -> None:
        match self._text[self._position]:
            case "[":
                self._array(place)
            case "{":
                self._inline_table(place)
            case '"' | "'":
                self._take(STRING)
            case _:
                self._take(_BARE_VALUE)

    def _array(self, place: Place) -> None:
        self._position += 1
        index = 0
        while not self._closed("]"):
            self._lines[(*place, index)] = self._line()
            self._value((*place, index))
            index += 1

    def _inline_table(self, place: Place) -> None:
        self._position += 1
        while not self._closed("}"):
            self._pair(place)

    def _closed(self, bracket: str) -> bool:
        """Go on to the next element, or past the closing bracket."""
        self._skip(_BLANK)
        if self._text[self._position] == ",":
            self._position += 1
            self._skip(_BLANK)
        if self._text[self._position] != bracket:
            return False
        self._position += 1
        return True

    def _note(self, place: Place, line: int) -> None:
        for length in range(1, len(place) + 1):
            self._lines.setdefault(place[:length], line)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._position)
        if match is None:  # not TOML after all
            raise ValueError(f"line {self._line()}: unexpected text")
        self._position = match.end()
        return match.group()

    def _line(self) -> int:
        return bisect_right(self._starts, self._position)


def _unquoted(part: str) -> str:
    if part.startswith("'") or "\\" not in part:
        return part[1:-1]
    return str(tomllib.loads(f"key = {part}")["key"])
