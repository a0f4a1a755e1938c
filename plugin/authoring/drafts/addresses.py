"""Addresses of fields in the rules: ``rules.question[who].say``, ``roles.role.coordinator.address``.

The name of a file of the script comes first, without its ending, that of another script as ``other/script.title``;
then keys, and entries of lists by their id or name, or by their number from 0 (``#2``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from plugin.common.toml.source import Place
from plugin.deciding.ruleset import is_file_name
from plugin.deciding.ruleset.schema import CALENDAR_FILE, ROLES_FILE
from plugin.errors import InputError

_TOML = ".toml"
_SHARED = (ROLES_FILE, CALENDAR_FILE)
_ADDRESS = re.compile(r"(?:(?P<script>[^/\[\]]+)/)?(?P<file>[a-z_]+)(?P<steps>(?:\.[^.\[\]]+|\[[^\[\]]+\])*)")
_STEP = re.compile(r"\.(?P<key>[^.\[\]]+)|\[(?P<entry>[^\[\]]+)\]")
#: What an entry of a list is called by, where it has one of these.
_NAMES = ("id", "name")


def place_of(address: str, script: str, content: Mapping[str, Any]) -> tuple[str, Place]:
    """The file and the place in it that an address means, whether something stands there yet or not.

    Raises InputError (Russian) for what is no address, and for an entry that the list does not hold.
    """
    file, steps = _split(address, script)
    node: Any = content.get(file)
    place: list[str | int] = []
    for key, entry in steps:
        part: str | int = key if key is not None else _index(node, str(entry), address)
        place.append(part)
        node = inner(node, part)
    return file, tuple(place)


def address_of(file: str, place: Place, script: str, content: Mapping[str, Any]) -> str:
    """The address of a place, as ``place_of`` reads it."""
    folder, _, name = file.rpartition("/")
    other = f"{folder}/" if folder and folder != script else ""
    node: Any = content.get(file)
    told = other + name.removesuffix(_TOML)
    for part in place:
        if isinstance(part, int):
            told += f"[{_name(node, part)}]"
        else:
            told += f".{part}"
        node = inner(node, part)
    return told


def inner(node: Any, part: str | int) -> Any:
    """What stands under a key or number of parsed TOML; None where nothing does."""
    if isinstance(part, int):
        return node[part] if isinstance(node, list) and part < len(node) else None
    return node.get(part) if isinstance(node, Mapping) else None


def value_at(content: Mapping[str, Any], file: str, place: Place) -> Any:
    """What stands at a place; None where nothing does."""
    node: Any = content.get(file)
    for part in place:
        node = inner(node, part)
    return node


def _split(address: str, script: str) -> tuple[str, list[tuple[str | None, str | None]]]:
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise _unknown(address)
    name = found["file"] + _TOML
    file = name if name in _SHARED else f"{found['script'] or script}/{name}"
    if not is_file_name(file):
        raise _unknown(address)
    return file, [(step["key"], step["entry"]) for step in _STEP.finditer(found["steps"])]


def _index(node: Any, entry: str, address: str) -> int:
    entries = node if isinstance(node, list) else []
    if re.fullmatch(r"#[0-9]{1,6}", entry):
        number = int(entry[1:])
        if number < len(entries):
            return number
    named = [number for number, one in enumerate(entries) if entry in _names(one)]
    if not named:
        raise _unknown(address)
    return named[0]


def _name(node: Any, number: int) -> str:
    """What an entry is called by; its number where it has no name of its own."""
    entries = node if isinstance(node, list) else []
    for name in _names(entries[number]) if number < len(entries) else ():
        is_first = all(name not in _names(one) for one in entries[:number])
        if is_first and not re.search(r"[\[\]]|^#", name):
            return name
    return f"#{number}"


def _names(entry: Any) -> Iterator[str]:
    for key in _NAMES:
        if isinstance(entry, Mapping) and isinstance(entry.get(key), str):
            yield entry[key]


def _unknown(address: str) -> InputError:
    shown = "".join(sign if sign.isprintable() else " " for sign in address[:80])
    return InputError(f"В черновике нет поля «{shown}»", hint="Обновите страницу: черновик мог измениться")
