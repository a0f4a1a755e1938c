"""Edits of TOML texts, one field or table at a time: everything else keeps its bytes, comments and layout included.

tomlkit edits the block that the field stands in, and never sees the others: it gathers the entries of a list of tables
that stand apart, as questions and rules do, and would move them together. What comes out is read again and held against
what was meant.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import tomlkit
from tomlkit.items import AoT, InlineTable

from plugin.authoring.drafts.blocks import block_of, family, lead
from plugin.common.toml.lines import Place
from plugin.common.toml.writer import key_literal, literal

#: A list of plain values that is longer is written one value a line.
_WIDTH = 100
_INDENT = "    "


class EditFailed(Exception):
    """The text cannot be edited so that it says what was meant: it is no TOML, or written in an unknown way."""


def set_field(text: str, place: Place, value: Any) -> str:
    """The text with this value at a place, whether one stood there or not; the table around it has to be there."""
    return _checked(text, _in_block(text, place, lambda table, rest: _put(table, rest, value)), _putting(place, value))


def remove_field(text: str, place: Place) -> str:
    """The text without what stands at a place."""
    return _checked(text, _in_block(text, place, _take_out), _deleting(place))


def insert_entry(text: str, place: Place, value: Any) -> str:
    """The text with one more entry of the list in brackets at ``place[:-1]``, before what is number ``place[-1]``."""

    def add(table: Any, rest: Place) -> None:
        _at(table, rest[:-1]).insert(rest[-1], _item(value))

    def added(data: Any) -> None:
        _at(data, place[:-1]).insert(place[-1], value)

    return _checked(text, _in_block(text, place[:-1], lambda table, rest: add(table, (*rest, place[-1]))), added)


def insert_table(text: str, place: Place, body: Mapping[str, Any], *, blank: int = 1) -> str:
    """The text with a table of its own, ``[place]``, or where ``place`` ends with a number an entry ``[[place]]``.

    An entry comes after the one before it, the first one after the table that it belongs to, anything else last.
    ``blank``: lines before it. Lists of tables in the body get headers of their own.
    """
    lines = "\n".join(_block_lines(place, body)) + "\n"
    position = len(text)
    if isinstance(place[-1], int) and place[-1]:
        position = family(text, (*place[:-1], place[-1] - 1))[-1].end
    elif isinstance(place[-1], int) and (around := family(text, place[:-2]) if place[:-2] else []):
        position = around[-1].end
    before, after = text[:position], text[position:]
    if position == len(text) and before.strip():
        before = before.rstrip("\n") + "\n"
    made = before + "\n" * (blank if before.strip() else 0) + lines + after

    def added(data: Any) -> None:
        *parents, last = place
        for number, part in enumerate(parents):
            if isinstance(data, dict) and part not in data:
                data[part] = [] if isinstance(place[number + 1], int) else {}
            data = data[part]
        if isinstance(last, int):
            data.insert(last, dict(body))
        else:
            data[last] = dict(body)

    return _checked(text, made, added)


def remove_table(text: str, place: Place) -> str:
    """The text without this table, those in it and the remarks right above it."""
    found = family(text, place)
    if not found:
        return remove_field(text, place)
    made = text
    for one in reversed(found):
        # The blank lines before it go with it; those after it part what is left.
        before = made[: lead(made, one.begin)].rstrip("\n")
        made = (before + "\n" if before else "") + made[one.end :]

    def gone(data: Any) -> None:
        *around, last = place
        del _at(data, tuple(around))[last]
        if isinstance(last, int) and not _at(data, tuple(around)):
            del _at(data, tuple(around[:-1]))[around[-1]]

    return _checked(text, made, gone)


# --- one block -----------------------------------------------------------------------------------


def _in_block(text: str, place: Place, change: Callable[[Any, Place], None]) -> str:
    try:
        block = block_of(text, place)
        own = text[block.begin : block.end]
        if own and not own.endswith("\n"):
            own += "\n"
        document = tomlkit.parse(own)
        table: Any = document
        for part in block.place:
            # Alone, the header of a table in an entry is that of a table in a table.
            if not isinstance(part, int):
                table = table[part]
            elif isinstance(table, AoT):
                table = table[0]
        change(table, place[len(block.place) :])
        return text[: block.begin] + tomlkit.dumps(document) + text[block.end :]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise EditFailed(f"{place}: {error}") from error


def _put(table: Any, rest: Place, value: Any) -> None:
    known = len(rest) - 1
    while known and _missing(table, rest[:known]):
        known -= 1
    for part in reversed(rest[known + 1 :]):
        value = {part: value}
    parent = _at(table, rest[:known])
    if isinstance(parent, InlineTable) and rest[known] not in parent:
        _put(table, rest[:known], {**parent.unwrap(), rest[known]: value})
    else:
        parent[rest[known]] = _item(value)


def _take_out(table: Any, rest: Place) -> None:
    parent = _at(table, rest[:-1])
    if isinstance(parent, InlineTable):
        left = {key: one for key, one in parent.unwrap().items() if key != rest[-1]}
        _put(table, rest[:-1], left)
    else:
        del parent[rest[-1]]


def _missing(table: Any, rest: Place) -> bool:
    try:
        _at(table, rest)
    except (KeyError, IndexError):
        return True
    return False


def _at(node: Any, place: Place) -> Any:
    for part in place:
        node = node[part]
    return node


def _item(value: Any) -> Any:
    return tomlkit.parse(f"x = {_written(value)}\n")["x"]


def _written(value: Any) -> str:
    """The value as people write it in these files: lists of tables and long lists with one entry a line."""
    if isinstance(value, list) and value:
        entries = [literal(entry) for entry in value]
        if any(isinstance(entry, Mapping) for entry in value) or sum(map(len, entries)) > _WIDTH:
            return "[\n" + "".join(f"{_INDENT}{entry},\n" for entry in entries) + "]"
    if isinstance(value, Mapping) and any(isinstance(value.get(owner), Mapping) for owner in _WITH_DOTS):
        return f"{{ {', '.join(_dotted(value))} }}"
    return literal(value)


def _dotted(value: Mapping[str, Any]) -> Iterator[str]:
    for key, one in value.items():
        if key in _WITH_DOTS and isinstance(one, Mapping):
            yield from (f"{key}.{key_literal(name)} = {literal(inner)}" for name, inner in one.items())
        else:
            yield f"{key_literal(key)} = {literal(one)}"


def _block_lines(place: Place, body: Mapping[str, Any]) -> Iterator[str]:
    name = ".".join(key_literal(part) for part in place if isinstance(part, str))
    yield f"[[{name}]]" if isinstance(place[-1], int) else f"[{name}]"
    tables = {key: one for key, one in body.items() if key in _WITH_HEADERS and isinstance(one, list)}
    for key, value in body.items():
        if key not in tables:
            yield f"{key_literal(key)} = {_written(value)}"
    for key, entries in tables.items():
        for number, entry in enumerate(entries):
            yield from ("", *_block_lines((*place, key, number), entry))


#: Lists of tables that stand under headers of their own in a table that is written anew.
_WITH_HEADERS = frozenset({"action", "person"})
#: Tables in a condition that are written as ``{ card.brand = "Kia" }``.
_WITH_DOTS = ("call", "card")


# --- what was meant ------------------------------------------------------------------------------


def _putting(place: Place, value: Any) -> Callable[[Any], None]:
    def put(data: Any) -> None:
        for part in place[:-1]:
            data = data.setdefault(part, {}) if isinstance(data, dict) else data[part]
        data[place[-1]] = value

    return put


def _deleting(place: Place) -> Callable[[Any], None]:
    def delete(data: Any) -> None:
        del _at(data, place[:-1])[place[-1]]

    return delete


def _checked(text: str, made: str, change: Callable[[Any], None]) -> str:
    try:
        meant = copy.deepcopy(tomllib.loads(text))
        change(meant)
        if _plain(tomllib.loads(made)) == _plain(meant):
            return made
    except (KeyError, IndexError, TypeError, tomllib.TOMLDecodeError) as error:
        raise EditFailed(str(error)) from error
    raise EditFailed("the edited text says something else than was meant")


def _plain(value: Any) -> Any:
    """Told apart by type too: ``1`` is not ``true``."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return cast(object, (type(value).__name__, value))
