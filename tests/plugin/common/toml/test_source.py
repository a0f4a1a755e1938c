"""A TOML file and the lines of its parts: whatever valid TOML is written, every key is found on its line."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.common.toml.source import Place, TomlSource, TomlUnreadable, load_toml, parse_toml
from tests.support.examples import examples

# --- files that cannot be read --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("a = 1\nb\n", 2, "после имени поля нет знака «=»"),
        ("a = \n", 1, "непонятное значение"),
        ("\na = «текст»\n", 2, "типографская кавычка « (U+00AB), место 5 — нужны прямые"),
        ("a = “текст”\n", 1, "типографская кавычка “ (U+201C), место 5 — нужны прямые"),
        ("a = ‘текст’\n", 1, "типографская кавычка ‘ (U+2018), место 5 — нужны прямые"),
        ("a\u00a0= 1\n", 1, "знак U+00A0, неразрывный пробел, место 2"),
        ("a =\u00a01\n", 1, "знак U+00A0, неразрывный пробел, место 4"),
        ("a = 1\u00a0\n", 1, "знак U+00A0, неразрывный пробел, место 6"),
        ("b = 1\na = 1\u200b\n", 2, "знак U+200B, пробел нулевой ширины, место 6"),
        ("\u200ba = 1\n", 1, "знак U+200B, пробел нулевой ширины, место 1"),
        ("out\u0441ome = 1\n", 1, "знак U+0441, «с» кириллицы, похожая на латинскую, место 4"),
        ("\u043eutcome = 1\n", 1, "знак U+043E, «о» кириллицы, похожая на латинскую, место 1"),
        ("[t\u0430ble]\n", 1, "знак U+0430, «а» кириллицы, похожая на латинскую, место 3"),
        ("сумма = 1\n", 1, "не похожа ни на «поле = значение», ни на «[таблица]»"),
        ("имя = 1\n", 1, "не похожа ни на «поле = значение», ни на «[таблица]»"),
        ('a = "начало\nконец"\n', 1, "текст в кавычках не закрыт на своей строке"),
        ('a = """\nx\n', 3, "текст не закрыт кавычками"),
        ("a = 'x", 1, "текст не закрыт кавычками"),
        ('a = [\n"x"\n"y"]\n', 3, "список не закрыт скобкой «]» или между его значениями нет запятой"),
        ("a = { b = 1\n}\n", 1, "скобка «{» не закрыта на той же строке"),
        ("a = { b = 1, b = 2 }\n", 1, "поле «b» задано дважды"),
        ("[a]\nb = 1\nb = 2\n", 3, "поле или таблица с этим именем уже есть — переименуйте или уберите лишнее"),
        ("[a.b]\n[c]\n[a.b]\n", 3, "таблица «a.b» объявлена дважды"),
        ("[a\n", 1, "заголовок таблицы не закрыт скобкой «]»"),
        ("a = 1 2\n", 1, "после значения стоит лишнее"),
        ('a = "C:\\d"\n', 1, "перед «\\» поставьте ещё один «\\»"),
        ("a = 1\nb = 'x\x01'\n", 2, "знак U+0001, управляющий знак, место 7"),
        ("a = 1\nb = 2 # \x07\n", 2, "знак U+0007, управляющий знак, место 9"),
        ("a = " + "[" * 5000 + "]" * 5000, 1, "слишком глубокая вложенность"),
        ("a = 1\nb = " + "{ a = " * 5000, 2, "слишком глубокая вложенность"),
        ("a = 1\n" + "b." * 5000 + "c = 1\n", 2, "ключ более чем из 50 частей"),
        ("a = 1\n[" + "'b' . " * 5000 + "c]\n", 2, "ключ более чем из 50 частей"),
        ("a = 1\nb = " + "1" * 5000 + "\n", 2, "слишком длинное число"),
        ("a = 1\nb = [\n0x" + "f" * 17 + "]\n", 3, "слишком длинное число"),
    ],
)
def test_what_is_no_toml_is_told_in_russian_with_line_and_remedy(text: str, line: int, told: str) -> None:
    with pytest.raises(TomlUnreadable) as refused:
        parse_toml(text.encode())

    assert told in f"{refused.value.what} — {refused.value.hint}"
    assert refused.value.line == line


PIECES = [
    "a",
    "b.c",
    "'d'",
    '"e"',
    "=",
    ".",
    ",",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "1",
    "-",
    "_",
    "0x",
    "1e9",
    "inf",
    '"',
    "'",
]
PIECES += [
    '"""',
    "'''",
    "\\",
    "\\u12",
    "\n",
    "\r",
    " ",
    "\t",
    "#",
    "2026-01-01",
    "T00:00:00",
    "Z",
    "true",
    "\x00",
    "ы",
    "\ufeff",
    "\u200b",
]


@settings(max_examples=examples(300), deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200), st.lists(st.sampled_from(PIECES), max_size=60).map(lambda got: "".join(got).encode())
    )
)
def test_any_content_is_read_or_refused_with_a_line(raw: bytes) -> None:
    line = _line_of_fault(raw)
    if line is None:
        assert parse_toml(raw).data == tomllib.loads(raw.decode())
    else:
        assert 1 <= line <= raw.count(b"\n") + 1


def _line_of_fault(raw: bytes) -> int | None:
    try:
        parse_toml(raw)
    except TomlUnreadable as refused:
        return refused.line
    return None


LONG = {
    "a dotted key": lambda count: "a." * count + "a = 1\n",
    "a dotted header": lambda count: "[" + "a." * count + "a]\n",
    "tables": lambda count: "".join(f"[t{number}]\na = 1\n" for number in range(count)),
    "lists of tables": lambda count: "[[a]]\n[a.b]\nx = 1\n" * count,
    "a list": lambda count: "a = [" + "1,\n" * count + "]\n",
    "opened lists": lambda count: "a = " + "[" * count,
    "an inline table": lambda count: "a = {" + ",".join(f"k{number} = 1" for number in range(count)) + "}\n",
    "quotes": lambda count: '"' * count,
    "an open text": lambda count: 'a = """' + '""x' * count,
    "a number": lambda count: "a = 1" + "_1" * count,
    "names without dots": lambda count: "a" * count * 20,
}


@pytest.mark.parametrize("make", LONG.values(), ids=LONG)
def test_twice_the_size_takes_about_twice_the_time(make: Callable[[int], str]) -> None:
    def seconds(count: int) -> float:
        text, times = make(count).encode(), []
        for _ in range(3):
            started = time.process_time()
            with suppress(TomlUnreadable):
                parse_toml(text)
            times.append(time.process_time() - started)
        return min(times)

    # Eight times the size; 64 times as long would be quadratic.
    assert seconds(8_000) < 40 * max(seconds(1_000), 0.0005)


@pytest.mark.parametrize(
    ("raw", "line", "told"),
    [
        (b"\xef\xbb\xbfa = 1", 1, "BOM"),
        ("a = 1".encode("utf-16"), 1, "BOM"),
        ("a = 1\nb = 'я'".encode("cp1251"), 2, "windows-1251"),
    ],
)
def test_a_wrong_encoding_is_told_with_the_line(raw: bytes, line: int, told: str) -> None:
    with pytest.raises(TomlUnreadable, match=told) as refused:
        parse_toml(raw)

    assert refused.value.line == line


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TomlUnreadable, match="файл не читается"):
        load_toml(tmp_path / "nowhere.toml")


# --- lines ----------------------------------------------------------------------------------------


def test_tabs_are_blanks() -> None:
    assert parse_toml(b"[a]\n\tb\t=\t1\t# one\n").line(("a", "b")) == 2


def test_every_part_has_its_line() -> None:
    source = parse_toml(
        '''\
# = [x]
"a.b" = """
c = 1
[d]"""  # not a table
[[rule]]
id = 'one # not a comment'
answers = [
    { value = true, label = "Да, «]»" },
    # { value = 1 },
    { value = false, label = "x", more = [
        1, 2,
        3] },
]
[rule.when]
mark.at_least = 7
mark.at_most = 8
[[rule]]
id = "two \\" ["
[rule.when]
x = 1979-05-27 07:32:00
[a.z]
[a]
y = """two quotes: """""
b = \'\'\'\'\'\'
'''.encode()
    )

    assert dict(source.lines) == {
        ("a.b",): 2,
        ("rule",): 5,
        ("rule", 0): 5,
        ("rule", 0, "id"): 6,
        ("rule", 0, "answers"): 7,
        ("rule", 0, "answers", 0): 8,
        ("rule", 0, "answers", 0, "value"): 8,
        ("rule", 0, "answers", 0, "label"): 8,
        ("rule", 0, "answers", 1): 10,
        ("rule", 0, "answers", 1, "value"): 10,
        ("rule", 0, "answers", 1, "label"): 10,
        ("rule", 0, "answers", 1, "more"): 10,
        ("rule", 0, "answers", 1, "more", 0): 11,
        ("rule", 0, "answers", 1, "more", 1): 11,
        ("rule", 0, "answers", 1, "more", 2): 12,
        ("rule", 0, "when"): 14,
        ("rule", 0, "when", "mark"): 15,
        ("rule", 0, "when", "mark", "at_least"): 15,
        ("rule", 0, "when", "mark", "at_most"): 16,
        ("rule", 1): 17,
        ("rule", 1, "id"): 18,
        ("rule", 1, "when"): 19,
        ("rule", 1, "when", "x"): 20,
        ("a",): 22,
        ("a", "z"): 21,
        ("a", "y"): 23,
        ("a", "b"): 24,
    }


def test_a_place_without_a_line_of_its_own_has_that_of_the_table_around_it() -> None:
    source = parse_toml(b"\n[a]\nb = 1\n")

    assert source.line(("a", "nothing", 3)) == 2
    assert source.line(("nothing",)) == 0


# --- any valid document ---------------------------------------------------------------------------

#: Everything that could be mistaken for structure or for the end of a line.
TRICKY = st.text(st.sampled_from("aя \t#=.,[]{}'\"\\\u2028\x85\xa0"), max_size=8)


class Writer:
    """Writes a document piece by piece and keeps the line of each key."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.newline = draw(st.sampled_from(["\n", "\r\n"]))
        self.text = ""
        self.lines: dict[Place, int] = {}
        self.names = 0

    def note(self, place: Place) -> None:
        self.lines[place] = self.text.count("\n") + 1

    def maybe(self) -> bool:
        return self.draw(st.booleans())

    def blank(self) -> None:
        self.text += self.draw(st.sampled_from(["", " ", "\t", "  \t"]))

    def end(self) -> None:
        self.blank()
        if self.maybe():
            self.text += "#" + self.draw(TRICKY)
        self.text += self.newline * self.draw(st.integers(1, 3))

    def name(self) -> tuple[str, str]:
        """A name that is not taken yet, and how it is written."""
        self.names += 1
        match self.draw(st.sampled_from(["bare", "basic", "literal"])):
            case "bare":
                name = written = f"k-{self.names}_"
            case "basic":
                name = f"{self.names}{self.draw(TRICKY)}"
                written = json.dumps(name, ensure_ascii=self.maybe())
            case _:
                name = f"{self.names}{self.draw(TRICKY)}".replace("'", "")
                written = f"'{name}'"
        return name, written

    def pair(self, table: Place, depth: int) -> None:
        self.blank()
        place = table
        for part in range(self.draw(st.integers(1, 3))):
            if part:
                self.blank()
                self.text += "."
                self.blank()
            name, written = self.name()
            place += (name,)
            self.note(place)
            self.text += written
        self.blank()
        self.text += "="
        self.blank()
        self.value(place, depth)

    def value(self, place: Place, depth: int) -> None:
        kinds = ["plain", "text"] + ["array", "inline"] * (depth < 3)
        match self.draw(st.sampled_from(kinds)):
            case "plain":
                self.text += self.draw(
                    st.sampled_from(["1", "-1.5e3", "true", "inf", "1979-05-27 07:32:00Z", "2026-11-22", "0xFF"])
                )
            case "text":
                self.text += self.string()
            case "array":
                self.array(place, depth)
            case _:
                self.inline(place, depth)

    def string(self) -> str:
        body = self.draw(TRICKY)
        lines = self.newline.join(self.draw(st.lists(TRICKY, max_size=4)))
        quotes = self.draw(st.integers(0, 2))
        match self.draw(st.sampled_from(["basic", "literal", "long basic", "long literal"])):
            case "basic":
                return json.dumps(body, ensure_ascii=self.maybe())
            case "literal":
                return "'" + body.replace("'", "") + "'"
            case "long basic":
                return '"""' + lines.replace("\\", "\\\\").replace('"', '""\\"') + '"' * quotes + '"""'
            case _:
                return "'''" + lines.replace("'", "") + "'" * quotes + "'''"

    def array(self, place: Place, depth: int) -> None:
        self.text += "["
        for index in range(self.draw(st.integers(0, 3))):
            if index:
                self.text += ","
            if self.maybe():
                self.end()
            self.blank()
            self.note((*place, index))
            self.value((*place, index), depth + 1)
            if self.maybe():
                self.end()
        self.text += "]"

    def inline(self, place: Place, depth: int) -> None:
        self.text += "{"
        for index in range(self.draw(st.integers(0, 3))):
            self.text += "," if index else ""
            self.pair(place, depth + 1)
        self.blank()
        self.text += "}"

    def table(self, parent: tuple[str, ...], place: Place, name: tuple[str, str] | None, double: bool) -> Place:
        """A header below ``parent`` (as written), and some pairs."""
        self.blank()
        _, written = name or ("", "")
        self.note(place)
        brackets = ("[[", "]]") if double else ("[", "]")
        self.text += brackets[0] + " . ".join([*parent, written]) + brackets[1]
        self.end()
        for _ in range(self.draw(st.integers(0, 3))):
            self.pair(place, 0)
            self.end()
        return place


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[Place, int]]:
    """A TOML document and the line of every key, table and element in it."""
    writer = Writer(draw)
    if writer.maybe():
        writer.end()
    for _ in range(draw(st.integers(0, 3))):
        writer.pair((), 0)
        writer.end()
    for _ in range(draw(st.integers(0, 3))):
        name = writer.name()
        if writer.maybe():
            writer.table((), (name[0],), name, double=False)
            continue
        for index in range(draw(st.integers(1, 3))):
            if index == 0:
                writer.note((name[0],))
            writer.table((), (name[0], index), name, double=True)
            if writer.maybe():
                inner = writer.name()
                writer.table((name[1],), (name[0], index, inner[0]), inner, double=False)
    return writer.text, writer.lines


@settings(max_examples=examples(250), deadline=None)
@given(documents())
def test_every_key_of_any_document_is_found_on_its_line(document: tuple[str, dict[Place, int]]) -> None:
    text, expected = document
    assert tomllib.loads(text) is not None

    source = parse_toml(text.encode())

    assert dict(source.lines) == expected


@settings(max_examples=examples(50), deadline=None)
@given(documents())
def test_every_line_that_is_told_is_of_something_that_is_there(document: tuple[str, dict[Place, int]]) -> None:
    source = parse_toml(document[0].encode())

    assert all(_found(source, place) for place in source.lines)


def _found(source: TomlSource, place: Place) -> bool:
    node = source.data
    for part in place:
        node = node[part]  # type: ignore[index]
    return True
