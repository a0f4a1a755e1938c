"""Files of the suppression list: written whole, the same for the same list, and read back from any of the formats."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.kit.notation import NumberNotation
from plugin.errors import InputError
from plugin.promise.suppression_files import ListFormat, read_file, read_lines, write_file, write_list
from plugin.promise.suppression_list import SuppressionEntry

SINCE = datetime(2026, 11, 22, 7, 15, 30, 999, tzinfo=UTC)
ENTRIES = [SuppressionEntry(number, "calls", SINCE) for number in ("+375291234567", "+79161234567")]


def written(format_: ListFormat, notation: NumberNotation = NumberNotation.E164) -> str:
    out = io.StringIO()
    assert write_list(iter(ENTRIES), out, format_, notation, "calls") == 2
    return out.getvalue()


def numbers(text: str) -> list[tuple[str, ...]]:
    return [line.numbers for line in read_lines(io.StringIO(text))]


# --- what cannot be ---------------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="не прочитать"):
        list(read_file(tmp_path / "missing"))
    with pytest.raises(InputError, match="не записать"):
        write_file(tmp_path / "missing" / "list", lambda out: 0)


@pytest.mark.parametrize("text", ["{", '{"numbers": 1}', '{"entries": 1}', "[1,"])
def test_json_that_holds_no_list_is_told(text: str) -> None:
    with pytest.raises(InputError):
        numbers(text)


def test_a_line_without_a_number_is_told_by_its_place() -> None:
    read = list(read_lines(io.StringIO("89161234567\n\nИванов\n8 (495) 123-45-67\n")))
    assert [(line.line, line.numbers) for line in read] == [
        (1, ("+79161234567",)),
        (3, ()),
        (4, ("+74951234567",)),
    ]


def test_a_write_that_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("old")

    def break_off(out: io.TextIOBase) -> int:
        out.write("new")
        raise KeyError

    with pytest.raises(KeyError):
        write_file(path, break_off)  # type: ignore[arg-type]
    assert (path.read_text(), os.listdir(tmp_path)) == ("old", ["list"])


# --- what is written --------------------------------------------------------------------------------


def test_the_notations_of_numbers_at_home_and_abroad() -> None:
    assert written(ListFormat.LINES) == "+375291234567\n+79161234567\n"
    assert written(ListFormat.LINES, NumberNotation.SEVEN) == "375291234567\n79161234567\n"
    assert written(ListFormat.LINES, NumberNotation.EIGHT) == "810375291234567\n89161234567\n"


def test_the_formats() -> None:
    assert written(ListFormat.CSV).splitlines() == [
        "number,scope,since",
        "+375291234567,calls,2026-11-22T07:15:30Z",
        "+79161234567,calls,2026-11-22T07:15:30Z",
    ]
    assert written(ListFormat.ASTDB, NumberNotation.SEVEN).splitlines() == [
        "database deltree optout calls",
        "database put optout calls/375291234567 1",
        "database put optout calls/79161234567 1",
    ]
    assert written(ListFormat.JSON).splitlines()[1] == '{"number":"+375291234567","since":"2026-11-22T07:15:30Z"},'


def test_an_empty_list_is_a_file_of_its_format() -> None:
    for format_ in ListFormat:
        out = io.StringIO()
        assert write_list(iter(()), out, format_, NumberNotation.E164, "calls") == 0
        assert numbers(out.getvalue()) == []


def test_a_new_file_is_its_owner_s_and_a_replaced_one_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "list"
    write_file(path, lambda out: out.write("1"))
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    write_file(path, lambda out: out.write("22"))
    assert (path.stat().st_mode & 0o777, path.read_text()) == (0o640, "22")


# --- what is read -----------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ListFormat)
@pytest.mark.parametrize("notation", NumberNotation)
def test_what_was_written_is_read_back(format_: ListFormat, notation: NumberNotation) -> None:
    assert numbers(written(format_, notation)) == [("+375291234567",), ("+79161234567",)]


@pytest.mark.parametrize(
    "text",
    [
        "89161234567\n8 495 123-45-67",
        "Имя;Телефон\nИванов;8 (916) 123-45-67\nПетров;84951234567\n",
        'phone,name\n+7 916 123-45-67,"Иванов, Иван"\n84951234567,\n',
        "Номер\n89161234567\n84951234567\n",
        '["89161234567", {"number": 74951234567}]',
    ],
)
def test_lists_of_others_are_read_by_their_column_of_numbers(text: str) -> None:
    assert numbers(text) == [("+79161234567",), ("+74951234567",)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1251"])
def test_a_table_is_read_in_the_encodings_of_spreadsheets(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "list.csv"
    for heading in ("phone;имя", "телефон;имя"):
        path.write_bytes(f"{heading}\r\n89161234567;Иванов\r\n".encode(encoding))
        assert [line.numbers for line in read_file(path)] == [("+79161234567",)]
