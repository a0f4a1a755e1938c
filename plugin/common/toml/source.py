"""A TOML file together with the line of each table and key, so that a fault can be shown where it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugin.common.toml.lines import Place, locate
from plugin.common.toml.messages_ru import in_words

__all__ = ["Place", "TomlSource", "TomlUnreadable", "load_toml", "parse_toml"]


class TomlUnreadable(Exception):
    """The file is not there, not UTF-8 or not TOML. ``line`` is 1-based, 0 where unknown."""

    def __init__(self, what: str, hint: str, line: int = 0) -> None:
        super().__init__(what)
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
        return TomlSource(tomllib.loads(text), locate(text), text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found.group(1)) if found else text.count("\n") + 1
        what, hint = in_words(error, text)
        raise TomlUnreadable(f"ошибка TOML: {what}", hint, line) from error
    except RecursionError as error:
        raise TomlUnreadable("слишком глубокая вложенность", "упростите файл") from error
