"""JSON with one meaning only (RFC 8259, I-JSON): what two parsers could read differently is refused.

Texts that no database, digest or mail could hold are mended, not refused, and told (``plugin.common.text_tree``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from plugin.common.text_files import skip_bom
from plugin.common.text_tree import Mended, clean_tree

#: Nothing that the plugin reads is deeper; more would exhaust some parser's stack.
MAX_DEPTH = 16
#: Larger numbers than a 64-bit integer are not portable JSON.
_MAX_INT_DIGITS = 20
_MARK = "\ufeff"


class NotJsonError(ValueError):
    """The text is not such an object; ``str()`` says why, in a few words."""


@dataclass(frozen=True, slots=True)
class JsonObject:
    """A JSON object: ``written`` as its sender wrote it, ``value`` with its texts mended, which were ``mended``."""

    value: dict[str, Any]
    written: dict[str, Any]
    mended: tuple[Mended, ...] = ()


def read_object(text: bytes | str) -> dict[str, Any]:
    """The JSON object in ``text`` (UTF-8, with or without a byte order mark), mended. Raises NotJsonError."""
    return read_mended(text).value


def read_mended(text: bytes | str) -> JsonObject:
    """The same with what was mended. Raises NotJsonError."""
    try:
        decoded = skip_bom(text).decode("utf-8") if isinstance(text, bytes) else text.removeprefix(_MARK)
        value = json.loads(decoded, object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer)
        _check(value, 1)
    except UnicodeDecodeError as error:
        raise NotJsonError(f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise NotJsonError(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise NotJsonError("nested too deeply") from error
    except ValueError as error:
        raise NotJsonError(str(error)) from error
    if not isinstance(value, dict):
        raise NotJsonError("not a JSON object")
    if _is_sound(decoded):
        return JsonObject(value, value)
    tree = clean_tree(value)
    return JsonObject(tree.value, value, tree.mended)


def _is_sound(text: str) -> bool:
    """Whether no text in it can need mending: a check that is far quicker than a walk over its values."""
    return "\\" not in text and text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _integer(digits: str) -> int:
    if len(digits) > _MAX_INT_DIGITS:
        raise ValueError("a number is too large")
    return int(digits)


def _check(value: Any, depth: int) -> None:
    if isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        for inner in value.values() if isinstance(value, dict) else value:
            _check(inner, depth + 1)
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
