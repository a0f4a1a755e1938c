"""Writes merged content back into the files' own texts: comments, order and layout survive where they can. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import tomlkit
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError

from plugin.authoring.merging.fields import named_elements, same
from plugin.common.toml.sections import Section, split_sections
from plugin.common.toml.writer import literal, to_toml
from plugin.deciding.ruleset.read import composed

#: Where a section stands: keys, and for a list's element what tells it apart (its index where nothing does).
_Id = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class MergedText:
    """A file's merged text. ``lost``: remarks of either side that it does not hold any more."""

    text: str
    lost: tuple[str, ...] = ()


@lru_cache(1_000)
def parsed(text: str) -> dict[str, Any]:
    """A file's content as the rules are read; not to be changed by the caller."""
    content: dict[str, Any] = composed(tomllib.loads(text))
    return content


def merged_text(base: str | None, mine: str | None, theirs: str | None, wanted: Mapping[str, Any]) -> MergedText:
    """A text that says ``wanted``, from the texts of three sides (None: the side lacks the file).

    It is the text of ``mine`` with what ``theirs`` changed, section by section.
    """
    texts = [text for text in (mine, theirs) if text is not None]
    untouched = theirs if mine == base else mine if theirs in (base, mine) else None
    if untouched is not None and same(parsed(untouched), wanted):
        return MergedText(untouched)
    text = _assembled(base or "", mine or "", theirs or "", wanted)
    before = set(_remarks(base or ""))
    kept = set(_remarks(text))
    lost = [line for one in texts for line in _remarks(one) if line not in kept and line not in before]
    return MergedText(text, tuple(dict.fromkeys(lost)))


def changed_text(text: str, other: str, wanted: Mapping[str, Any]) -> str:
    """The text with some fields changed, so that it says ``wanted``; tables that it lacks come from ``other``."""
    return text if same(parsed(text), wanted) else _assembled(text, text, other, wanted)


def _remarks(text: str) -> list[str]:
    """The comment lines, as they stand; a line of a text that begins with «#» does no harm among them."""
    return [line.strip() for line in text.splitlines() if line.lstrip().startswith("#")]


def _assembled(base: str, mine: str, theirs: str, wanted: Mapping[str, Any]) -> str:
    try:
        sides = [_identified(text) for text in (base, mine, theirs)]
        text = "".join(section.text for section in _sections(sides, wanted))
        if same(parsed(text), wanted):
            return text
    except (tomllib.TOMLDecodeError, TOMLKitError, KeyError, TypeError, ValueError, IndexError):
        pass
    # One side wrote a table in another form than the other: what it says goes before how it looks.
    return to_toml(wanted)


# --- sections --------------------------------------------------------------------------------------


def _identified(text: str) -> dict[_Id, Section]:
    content = parsed(text)
    return {_identity(section, content): section for section in split_sections(text)}


def _identity(section: Section, content: Any) -> _Id:
    found: list[Hashable] = []
    node: Any = content
    for part in section.place:
        if isinstance(part, int):
            names = named_elements(node)
            found.append(("#", part) if names is None else list(names)[part])
        else:
            found.append(part)
        node = node[part]
    return tuple(found)


def _sections(sides: Sequence[Mapping[_Id, Section]], wanted: Mapping[str, Any]) -> list[Section]:
    base, mine, theirs = sides
    order = [name for name in mine if _lookup(wanted, name) is not None]
    for name in theirs:
        if name not in mine and _lookup(wanted, name) is not None:
            order.insert(_position(order, name, list(theirs), wanted), name)
    order = _in_order(order, wanted)
    chosen = {}
    for name in order:
        here = mine.get(name)
        if here is None or (here == base.get(name) and name in theirs):
            here = theirs[name]
        elif name in theirs and name in base and here.body == base[name].body:
            here = replace(here, body=theirs[name].body)
        chosen[name] = _told(here, name, set(order), wanted)
    return [_ended(section) for section in chosen.values()]


def _ended(section: Section) -> Section:
    """A file's last section may lack its line break, and come to stand before others."""
    text = section.body or section.header
    if not text or text.endswith("\n"):
        return section
    return replace(section, body=f"{section.body}\n") if section.body else replace(section, header=f"{text}\n")


def _lookup(content: Any, name: _Id) -> Any:
    """The table that a section is about; None where there is none."""
    node = content
    for part in name:
        if isinstance(node, list):
            names = named_elements(node)
            if names is None:
                index = part[1] if isinstance(part, tuple) and part[0] == "#" else None
                node = node[index] if isinstance(index, int) and index < len(node) else None
            else:
                node = names.get(part)
        else:
            node = node.get(part) if isinstance(node, Mapping) else None
        if node is None:
            return None
    return node


def _position(order: list[_Id], name: _Id, others: list[_Id], wanted: Mapping[str, Any]) -> int:
    """Where a section that ``order`` lacks is to stand: after the element before it, or what it follows elsewhere."""
    siblings = _lookup(wanted, name[:-1])
    if isinstance(siblings, list):
        names = [(*name[:-1], key) for key in named_elements(siblings) or {}]
        index = names.index(name) if name in names else 0
        for before in reversed(names[:index]):
            if before in order:
                return _group_end(order, before)
        for after in names[index + 1 :]:
            if after in order:
                return order.index(after)
    for before in reversed(others[: others.index(name)]):
        if before in order:
            return order.index(before) + 1
    return len(order)


def _group_end(order: list[_Id], name: _Id) -> int:
    return max(index for index, one in enumerate(order) if one[: len(name)] == name) + 1


def _in_order(order: list[_Id], wanted: Mapping[str, Any]) -> list[_Id]:
    """The same sections, the elements of each list in the wanted order, in the places that the list has now."""
    for place in dict.fromkeys(name[:-1] for name in order if isinstance(_lookup(wanted, name[:-1]), list)):
        heads = [name for name in order if len(name) == len(place) + 1 and name[:-1] == place]
        names = list(named_elements(_lookup(wanted, place)) or {})
        if not names or [head[-1] for head in heads] == names:
            continue
        groups = {head: [name for name in order if name[: len(head)] == head] for head in heads}
        sorted_heads = iter(sorted(heads, key=lambda head: names.index(head[-1])))
        moved: list[_Id] = []
        for name in order:
            if name in groups:
                moved += groups[next(sorted_heads)]
            elif not any(name[: len(head)] == head for head in heads):
                moved.append(name)
        order = moved
    return order


# --- one section -----------------------------------------------------------------------------------


def _told(section: Section, name: _Id, all_names: set[_Id], wanted: Mapping[str, Any]) -> Section:
    """The section, saying what is wanted of it."""
    table = _lookup(wanted, name)
    elsewhere = {one[len(name)] for one in all_names if len(one) > len(name) and one[: len(name)] == name}
    own = {key: value for key, value in table.items() if key not in elsewhere}
    if same(parsed(section.body), own):
        return section
    document = tomlkit.parse(section.body)
    _make_say(document, own)
    return replace(section, body=tomlkit.dumps(document))


def _make_say(table: Any, wanted: Mapping[str, Any]) -> None:
    for key in [key for key in table if key not in wanted]:
        del table[key]
    for key, value in wanted.items():
        if key not in table:
            table[key] = _item(value)
        elif not same(_plain(table[key]), value):
            _make_value_say(table, key, value)


def _make_value_say(parent: Any, key: Any, value: Any) -> None:
    now = parent[key]
    before, after = named_elements(_plain(now)), named_elements(value)
    if isinstance(now, Mapping) and isinstance(value, Mapping):
        _make_say(now, value)
    elif before is not None and after is not None and list(before) == list(after):
        for index, element in enumerate(value):
            if not same(_plain(now[index]), element):
                _make_say(now[index], element)
    else:
        parent[key] = _item(value)


def _plain(item: Any) -> Any:
    return composed(item.unwrap() if hasattr(item, "unwrap") else item)


def _item(value: Any) -> Any:
    """A value as people write it: a list of tables one a line."""
    if isinstance(value, list) and len(value) > 1 and all(isinstance(one, Mapping) for one in value):
        told = "[\n" + "".join(f"    {literal(one)},\n" for one in value) + "]"
    else:
        told = literal(value)
    document: Container = tomlkit.parse(f"value = {told}")
    return document["value"]
