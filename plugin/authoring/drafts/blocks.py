"""The blocks of a TOML text: each table's header with what belongs to it, up to the next header.

What stands between a block's last line and the next header, remarks and blank lines, is no part of the block: people
write it above what it is about. An edit touches one block, so that whatever is outside keeps its bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from plugin.common.toml.lines import Place, headers


@dataclass(frozen=True, slots=True)
class Block:
    """``place`` is the table's; the block is ``text[begin:end]``, and the next one begins at ``next``."""

    place: Place
    begin: int
    end: int
    next: int


def blocks(text: str) -> list[Block]:
    """The blocks in their order; the first one, before any header, has the place ()."""
    found = [((), 0), *headers(text)]
    begins = [begin for _, begin in found] + [len(text)]
    return [
        Block(place, begin, _end(text, begin, begins[number + 1]), begins[number + 1])
        for number, (place, begin) in enumerate(found)
    ]


def block_of(text: str, place: Place) -> Block:
    """The block that a place is written in, or would be."""
    return max((one for one in blocks(text) if one.place == place[: len(one.place)]), key=lambda one: len(one.place))


def family(text: str, place: Place) -> list[Block]:
    """The block of a table and those of the tables in it, in their order; empty where the table has no header."""
    return [one for one in blocks(text) if one.place and one.place[: len(place)] == place]


def lead(text: str, begin: int) -> int:
    """Where the remarks begin that stand right above a header, without a blank line between."""
    while begin:
        before = text.rfind("\n", 0, begin - 1) + 1
        if not text[before:begin].lstrip(" \t").startswith("#"):
            break
        begin = before
    return begin


def _end(text: str, begin: int, after: int) -> int:
    """Past the last line of a block that says something."""
    end = after
    while end > begin:
        last = text.rfind("\n", begin, end - 1) + 1 or begin
        line = text[last:end].strip()
        # No value ends with a blank line or a remark: what looks like one is one.
        if line and not line.startswith("#"):
            break
        end = last
    return end
