"""JSON with one meaning only (RFC 8259, I-JSON): what two parsers could read differently is refused."""

from __future__ import annotations

import json
from typing import Any, NoReturn

#: Nothing that the plugin reads is deeper; more would exhaust some parser's stack.
MAX_DEPTH = 16
#: Larger numbers than a 64-bit integer are not portable JSON.
_MAX_INT_DIGITS = 20


class NotJsonError(ValueError):
    """The text is not such an object; ``str()`` says why, in a few words."""


def read_object(text: bytes | str) -> dict[str, Any]:
    """The JSON object in ``text`` (UTF-8). Raises NotJsonError."""
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
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
    return value


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
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        for inner in value.values() if isinstance(value, dict) else value:
            _check(inner, depth + 1)
        for key in value if isinstance(value, dict) else ():
            _check_text(key)
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")


def _check_text(text: str) -> None:
    if "\x00" in text or (not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)):
        raise ValueError("a text holds a NUL character or half a surrogate pair")
