"""The filters that templates may use, each bounded in what it makes of its input."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Undefined, pass_context
from jinja2.runtime import Context

from connectors.kit.phones import first_number

#: The name under which a context carries the account's time zone.
ZONE = "_zone"
_MARK = re.compile(r"\[ref:[0-9a-f]{16}\]")
_MARK_LENGTH = 24
_LONGEST = 1_000_000
#: What a pattern or the quotes around it could take for their own.
_NOT_PLAIN = re.compile(r"[^\w\s.@+-]|_")
_FORMAT = re.compile(r"(?:%[YmdHMSzBby]|[^%]){1,60}")


class Anything(str):
    """Stands for a value of the CRM's own while a description is tried: of which kind it will be is not known.

    It is its own every element, fits every filter that JSON fits, and is equal to all or, where not ``holds``, to none.
    """

    __slots__ = ("holds",)
    holds: bool

    def __new__(cls, text: str, holds: bool) -> Anything:
        made = super().__new__(cls, text)
        made.holds = holds
        return made

    def __bool__(self) -> bool:
        return self.holds

    def __eq__(self, _other: object) -> bool:
        return self.holds

    def __ne__(self, _other: object) -> bool:
        return not self.holds

    __hash__ = str.__hash__


def _date(context: Context, value: Any, format: str = "%Y-%m-%d") -> str:
    return _local(context, value).strftime(_checked_format(format))


def _local(context: Context, value: Any) -> datetime:
    return _moment(value).astimezone(ZoneInfo(str(context[ZONE])))


def _utc(value: Any, format: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    return _moment(value).astimezone(UTC).strftime(_checked_format(format))


def _unix(value: Any) -> int:
    return int(_moment(value).timestamp())


def _moment(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise ValueError("this filter takes a time, such as due or now")
    return value


def _checked_format(written: str) -> str:
    if not _FORMAT.fullmatch(written):
        raise ValueError("a time's format is written with %Y %m %d %H %M %S %z and at most 60 characters")
    return written


def _html(value: Any) -> str:
    """Quotes stay: they mean nothing in an element's text, and a CRM that sanitises may drop what stands for them."""
    return html.escape(_text(value), quote=False).replace("\r\n", "\n").replace("\n", "<br>\n")


def _odata(value: Any) -> str:
    return _text(value).replace("'", "''")


def _soql(value: Any) -> str:
    text = "".join("\\" + char if char in "\\'\"" else char for char in _text(value))
    return text.replace("\n", "\\n").replace("\r", "\\r")


def _sql(value: Any) -> str:
    """For every dialect: where a backslash is no more than a character it matches none, and nothing comes loose."""
    return _text(value).replace("\\", "\\\\").replace("'", "''")


def _like(value: Any) -> str:
    """Any one character for each that means something; what comes back is compared by the plugin anyway."""
    return _NOT_PLAIN.sub("_", _text(value))


def _replace(value: Any, old: str, new: str) -> str:
    if not old or len(new) > 20:
        raise ValueError("replace takes the text to replace and at most 20 characters instead of it")
    made = _text(value).replace(old, new)
    if len(made) > _LONGEST:
        raise ValueError("replace makes too long a text")
    return made


def _spaced(value: Any, between: str = " ") -> str:
    """Between any two characters: ``7%9%1%6…`` finds a number in whatever way it is divided."""
    text = _text(value)
    if len(text) > 200 or len(between) > 20:
        raise ValueError("spaced takes a short text")
    return between.join(text)


def _plus_minutes(value: Any, minutes: int) -> datetime:
    if abs(minutes) > 527_040:
        raise ValueError("plus_minutes takes a whole number of minutes, at most a year")
    return _moment(value) + timedelta(minutes=minutes)


def _default(value: Any, other: Any = "") -> Any:
    return other if value is None or isinstance(value, Undefined) else value


def _digits(value: Any) -> str:
    return "".join(char for char in _text(value) if char.isascii() and char.isdigit())


def _cut(value: Any, length: int) -> str:
    """No longer than so many characters; a reference mark survives, else it could not be found again."""
    text = _text(value)
    if len(text) <= length:
        return text
    marks = _MARK.findall(text)
    tail = f"…\n{marks[-1]}" if marks and length > _MARK_LENGTH else "…"
    return text[: max(0, length - len(tail))] + tail


def _int(value: Any) -> int:
    text = _text(value).strip()
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise ValueError("int takes a whole number")
    return int(text)


def _ints(value: Any) -> list[int]:
    if not isinstance(value, list | tuple):
        raise ValueError("ints takes a list of whole numbers")
    return [_int(one) for one in value]


def _join(value: Any, between: str = " ") -> str:
    if isinstance(value, Anything):
        return str(value)
    if not isinstance(value, list | tuple):
        raise ValueError("join takes a list, such as words makes of a text")
    return between.join(text for text in (_text(part) for part in value if part is not None) if text)


def _first(value: Any) -> Any:
    return value[0] if value else None


def _last(value: Any) -> Any:
    return value[-1] if value else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _text(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise ValueError("this filter takes a text")
    return str(value)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "cut": _cut,
    "date": pass_context(_date),
    "default": _default,
    "digits": _digits,
    "e164": lambda value: first_number(value) or "",
    "first": _first,
    "html": _html,
    "html_attribute": lambda value: html.escape(_text(value)),
    "int": _int,
    "ints": _ints,
    "join": _join,
    "json": _json,
    "last": _last,
    "like": _like,
    "local": pass_context(_local),
    "odata": _odata,
    "plus_minutes": _plus_minutes,
    "replace": _replace,
    "soql": _soql,
    "spaced": _spaced,
    "sql": _sql,
    "lower": lambda value: _text(value).lower(),
    "text": _text,
    "trim": lambda value: _text(value).strip(),
    "unix": _unix,
    "upper": lambda value: _text(value).upper(),
    "utc": _utc,
    "words": lambda value: _text(value).split(),
}
#: Filters that need the account's ``time_zone``.
LOCAL = frozenset({"date", "local"})
