"""The suppression list as files: what other programs read whom not to call from, and what they kept of it before.

The same list gives the same bytes. Never more than a few entries are in memory.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple, TextIO

from connectors.kit.notation import NumberNotation
from connectors.kit.phones import numbers_in
from plugin.errors import InputError
from plugin.promise.suppression_list import SuppressionEntry

_AS_WINDOWS = "optout.as_windows"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
#: A column of this name holds the numbers.
_COLUMN = re.compile(r"(?i)\W*(number|phone|phone.?number|tel|msisdn|e\.?164|номер|телефон|номер.телефона)\W*")
_DELIMITERS = ";\t,"
#: The family of the list in Asterisk's database, and the command that ``astdb`` lines begin with.
_FAMILY = "optout"
_ASTERISK = re.compile(r"\s*database\s+(put|deltree)\s", re.IGNORECASE)


class ListFormat(StrEnum):
    """One number a line; CSV; commands that fill Asterisk's database; one JSON object."""

    LINES = "lines"
    CSV = "csv"
    ASTDB = "astdb"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class NumberLine:
    """What a line of a file holds; ``numbers`` (E.164) is empty where it holds something else."""

    line: int
    numbers: tuple[str, ...]


def write_list(
    entries: Iterable[SuppressionEntry], out: TextIO, format_: ListFormat, notation: NumberNotation, scope: str
) -> int:
    """Write the entries, all of this scope, in their order; how many there are."""
    layout = _LAYOUTS[format_]
    out.write(layout.head.format(scope=scope))
    count = 0
    for entry in entries:
        out.write((layout.between if count else "") + layout.line(notation.write(entry.number), entry))
        count += 1
    out.write(layout.tail)
    return count


def write_file(path: Path, write: Callable[[TextIO], int]) -> int:
    """Have the file written beside its place and put there whole: a reader sees the old one or the new one.

    Only its owner may read a new file; one that is replaced keeps its rights. Raises InputError.
    """
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        half = Path(name)
        try:
            with os.fdopen(number, "w", encoding="utf-8", newline="\n") as out:
                count = write(out)
                out.flush()
                os.fsync(out.fileno())
            half.chmod(mode)
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{path}: не записать ({error.strerror})", hint="Проверьте папку, права и место на диске"
        ) from error
    return count


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """The bytes that are no UTF as Windows writes them; no lower-case Russian text in it passes for UTF-8."""
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1251", "replace"), error.end


codecs.register_error(_AS_WINDOWS, _as_windows)


def read_file(path: Path) -> Iterator[NumberLine]:
    """The lines of a list in any of the formats, in any notation; blank lines are left out. Raises InputError."""
    try:
        with path.open("rb") as file:
            yield from read_stream(file)
    except OSError as error:
        raise InputError(f"{path}: не прочитать ({error.strerror})", hint="Проверьте имя файла и права") from error


def read_stream(file: IO[bytes]) -> Iterator[NumberLine]:
    """The same of a file that is open, from its beginning; it stays open.

    What is neither UTF-8 nor UTF-16 was written by a Russian table editor.
    """
    encoding = "utf-16" if file.read(2) in _UTF_16 else "utf-8-sig"
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, errors=_AS_WINDOWS, newline=None)
    try:
        yield from read_lines(text)
    finally:
        text.detach()


def read_lines(lines: Iterable[str]) -> Iterator[NumberLine]:
    """The same of its lines. Raises InputError for JSON that is none of ours."""
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    first = next(numbered, None)
    if first is None:
        return
    whole = chain([first], numbered)
    if first[1].lstrip()[0] in "{[":
        yield from _json_lines(whole)
    elif _ASTERISK.match(first[1]):
        yield from (NumberLine(at, numbers_in(_key(line))) for at, line in whole if "deltree" not in line)
    else:
        yield from _table_lines(first[1], whole)


# --- writing ------------------------------------------------------------------------------------------


class _Layout(NamedTuple):
    """A format: what it begins with, the line of an entry, what stands between two of them, what it ends with."""

    head: str
    line: Callable[[str, SuppressionEntry], str]
    between: str = ""
    tail: str = ""


def _moment(entry: SuppressionEntry) -> str:
    return entry.since.strftime("%Y-%m-%dT%H:%M:%SZ")


_LAYOUTS: Mapping[ListFormat, _Layout] = {
    ListFormat.LINES: _Layout("", lambda number, _: f"{number}\n"),
    ListFormat.CSV: _Layout("number,scope,since\n", lambda number, one: f"{number},{one.scope},{_moment(one)}\n"),
    ListFormat.ASTDB: _Layout(
        f"database deltree {_FAMILY} {{scope}}\n",
        lambda number, one: f"database put {_FAMILY} {one.scope}/{number} 1\n",
    ),
    ListFormat.JSON: _Layout(
        '{{"scope":"{scope}","entries":[\n',
        lambda number, one: f'{{"number":"{number}","since":"{_moment(one)}"}}',
        ",\n",
        "\n]}\n",
    ),
}


# --- reading ------------------------------------------------------------------------------------------


def _key(line: str) -> str:
    """The number in ``database put optout calls/79161234567 1``."""
    parts = line.split()
    return parts[3].rpartition("/")[2].strip('"') if len(parts) > 3 else ""


def _table_lines(head: str, lines: Iterable[tuple[int, str]]) -> Iterator[NumberLine]:
    """Rows of a table by its column of numbers, the first one where none is named; or one number a line."""
    delimiter = next((sign for sign in _DELIMITERS if sign in head), None)
    if delimiter is None:
        named = _COLUMN.fullmatch(head.strip()) is not None
        yield from (NumberLine(at, numbers_in(line)) for at, line in lines if not (named and line == head))
        return
    column = 0
    for place, (at, line) in enumerate(lines):
        row = next(csv.reader([line], delimiter=delimiter), [])
        if place == 0 and any(_COLUMN.fullmatch(cell) for cell in row):
            column = next(index for index, cell in enumerate(row) if _COLUMN.fullmatch(cell))
            continue
        yield NumberLine(at, numbers_in(row[column]) if column < len(row) else ())


def _json_lines(lines: Iterable[tuple[int, str]]) -> Iterator[NumberLine]:
    """The numbers of ``{"entries": [{"number"}]}``, of a list of such objects, or of a list of numbers."""
    try:
        value = json.loads("".join(line for _, line in lines))
    except ValueError as error:
        raise InputError(f"Файл начинается как JSON, но это не JSON: {error}") from error
    entries = value.get("entries") if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise InputError("В JSON нет списка номеров", hint='Ожидается {"entries": [{"number": "+79161234567"}]}')
    for place, entry in enumerate(entries, 1):
        given: Any = entry.get("number") if isinstance(entry, dict) else entry
        yield NumberLine(place, numbers_in(given))
