"""Plain data as a TOML document that reads back the same; for rules whose own text was not kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(data: Mapping[str, Any]) -> str:
    """The document of this data: texts, numbers, booleans, lists and tables. Raises TypeError for anything else."""
    return "\n".join(_table(data, ())).strip("\n") + "\n"


def literal(value: Any) -> str:
    """A value as TOML writes it; a text of several lines between three quotes. Raises TypeError as ``to_toml``."""
    if isinstance(value, str):
        return _text(value) if "\n" not in value else _lines(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(literal(entry) for entry in value)}]"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key_literal(key)} = {literal(entry)}" for key, entry in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    raise TypeError(f"TOML has no {type(value).__name__}")


def text_literals(text: str) -> list[str]:
    """The ways in which people write this text as a TOML value."""
    spelt = literal(text)
    return [spelt, _text(text), f"'{text}'", '"""\n' + text + '"""', '"""' + text + '"""', "'''\n" + text + "'''"]


def _table(data: Mapping[str, Any], place: tuple[str, ...]) -> Iterator[str]:
    # A key after a table's header would belong to that table: what is no table comes first.
    for key, value in data.items():
        if not _has_header(value):
            yield f"{key_literal(key)} = {literal(value)}"
    for key, value in data.items():
        here = (*place, key)
        name = ".".join(key_literal(part) for part in here)
        if isinstance(value, Mapping):
            yield from ("", f"[{name}]", *_table(value, here))
        elif _has_header(value):
            for entry in value:
                yield from ("", f"[[{name}]]", *_table(entry, here))


def _has_header(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(entry, Mapping) for entry in value)
    return isinstance(value, Mapping)


def key_literal(key: str) -> str:
    """A key as TOML writes it: in quotes where it has to be."""
    return key if _BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    """JSON's form of a text is TOML's as well, but for one control character that JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _lines(text: str) -> str:
    # The line break right after the opening quotes is not part of the text.
    return '"""\n' + "\n".join(_text(line)[1:-1] for line in text.split("\n")) + '"""'
