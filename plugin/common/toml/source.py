"""A TOML file together with the line of each table and key, so that a fault can be shown where it stands."""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugin.common.toml.lines import Place, locate, unclosed_list
from plugin.common.toml.messages_ru import in_words

__all__ = ["Place", "TomlSource", "TomlUnreadable", "load_toml", "parse_toml"]

#: The parser takes time that grows with the third power of a key's parts.
_MOST_PARTS = 50
_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
_DEEP_KEY = re.compile(rf"(?<![A-Za-z0-9_-])(?:{_PART}\.[ \t]*+){{{_MOST_PARTS}}}")
_UNREADABLE: Mapping[type[OSError], str] = {
    FileNotFoundError: "такого файла нет",
    PermissionError: "нет прав на чтение",
    NotADirectoryError: "такого файла нет",
}
_TOO_LARGE = "слишком длинное число"
_TOO_LARGE_ENGLISH = ("has a number that is too long", "shorten it")
_LONG_NUMBER = re.compile(r"(?<![\w.+-])[+-]?[0-9](?:_?[0-9]){4299,}")


class TomlUnreadable(Exception):
    """The file is not there, not UTF-8 or not TOML. ``line`` is 1-based, 0 where unknown.

    ``english``: what and hint for integrators, where no exception of Python's stands behind it.
    """

    def __init__(self, what: str, hint: str, line: int = 0, english: tuple[str, str] = ("not TOML", "mend it")) -> None:
        super().__init__(what)
        self.english = english
        self.what = what
        self.hint = hint
        self.line = line


@dataclass(frozen=True, slots=True)
class TomlSource:
    """The parsed document, where its parts stand, and the text itself, to the byte."""

    data: dict[str, Any]
    lines: Mapping[Place, int]
    text: str = ""

    def line(self, place: Place) -> int:
        """The 1-based line of this place, or of the nearest table around it; 0 for the whole file."""
        while place:
            if place in self.lines:
                return self.lines[place]
            place = place[:-1]
        return 0


def load_toml(path: Path) -> TomlSource:
    """Read a TOML file. Raises TomlUnreadable (texts in Russian, for the admin).

    What is no file is not opened: reading a pipe would wait for ever for somebody to write.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise TomlUnreadable(
                "это не файл с текстом",
                "уберите то, что стоит под этим именем, и верните файл",
                english=("cannot be read (it is no file)", "put the file in its place"),
            )
        raw = path.read_bytes()
    except OSError as error:
        why = _UNREADABLE.get(type(error), error.strerror)
        raise TomlUnreadable(f"файл не читается: {why}", _beside(path) or "проверьте имя и права доступа") from error
    return parse_toml(raw)


def _beside(path: Path) -> str:
    """The names beside a missing file that may be it: an editor's backup, another ending, other capitals."""
    with suppress(OSError):
        named = path.name.casefold()
        found = sorted(one.name for one in path.parent.iterdir() if named in one.name.casefold() and one != path)
        if found and not path.exists():
            return f"рядом есть {', '.join(found[:3])}: верните файлу имя {path.name}"
    return ""


def parse_toml(raw: bytes) -> TomlSource:
    """Parse the bytes of a TOML file. Raises TomlUnreadable."""
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise TomlUnreadable(
            "файл начинается с метки порядка байтов (BOM)",
            "сохраните его в кодировке «UTF-8 без BOM»",
            1,
            ("begins with a byte order mark", "save it as UTF-8 without BOM"),
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise TomlUnreadable(
            "файл не в кодировке UTF-8 (похоже на windows-1251)", "сохраните его в кодировке UTF-8", line
        ) from error
    if deep := _DEEP_KEY.search(text):
        line = text.count("\n", 0, deep.start()) + 1
        told = f"has a key of more than {_MOST_PARTS} parts", "simplify it"
        raise TomlUnreadable(f"ключ более чем из {_MOST_PARTS} частей", "упростите файл", line, told)
    try:
        source = TomlSource(tomllib.loads(text), locate(text), text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found.group(1)) if found else text.count("\n") + 1
        what, hint = in_words(error, text)
        if what.startswith("список не закрыт"):
            line = unclosed_list(text, line) or line
        raise TomlUnreadable(f"ошибка TOML: {what}", hint, line) from error
    except RecursionError as error:
        raise TomlUnreadable("слишком глубокая вложенность", "упростите файл", _deepest_line(text)) from error
    except ValueError as error:
        # What the parser lets through of Python's own readers: a whole number of thousands of digits.
        found = _LONG_NUMBER.search(text)
        line = text.count("\n", 0, found.start()) + 1 if found else 1
        raise TomlUnreadable(_TOO_LARGE, "сократите его", line, _TOO_LARGE_ENGLISH) from error
    if (place := _too_large(source.data)) is not None:
        raise TomlUnreadable(_TOO_LARGE, "сократите его", source.line(place), _TOO_LARGE_ENGLISH)
    return source


def _too_large(data: Any) -> Place | None:
    """Where a whole number stands that TOML does not have: one that does not go into 64 bits."""
    waiting: list[tuple[Place, Any]] = [((), data)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*place, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*place, index), inner) for index, inner in enumerate(value)]
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            return place
    return None


def _deepest_line(text: str) -> int:
    """The line with the most brackets opened and not closed before it, strings not told apart: near enough to look."""
    deepest = depth = line = 0
    for number, one in enumerate(text.split("\n"), 1):
        depth += sum(map(one.count, "[{")) - sum(map(one.count, "]}"))
        if max(depth, sum(map(one.count, "[{"))) > deepest:
            deepest, line = max(depth, sum(map(one.count, "[{"))), number
    return line
