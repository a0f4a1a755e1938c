"""Tracebacks for a log: where something went wrong, without what a library quotes of the data that it was given."""

from __future__ import annotations

import sys
import traceback
from types import TracebackType
from typing import Any

#: Packages whose messages are made for logs; those of others may quote anything.
_OURS = frozenset({"plugin", "connectors"})
_HIDDEN = "***"
_MOST_LINKED = 20
_CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
_DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"


def exception_of(exc_info: Any) -> BaseException | None:
    """The exception that a log call means by ``exc_info``: itself, ``True`` for the present one, or a tuple."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple) and len(exc_info) == 3:
        found: tuple[type[BaseException] | None, BaseException | None, TracebackType | None] = exc_info
        return found[1]
    return sys.exc_info()[1] if exc_info else None


def safe_traceback(error: BaseException) -> str:
    """The traceback as Python prints it; the message of a foreign exception is ``***``, also of those it came from."""
    parts: list[str] = []
    one: BaseException | None = error
    seen: set[int] = set()
    while one is not None and id(one) not in seen and len(seen) < _MOST_LINKED:
        seen.add(id(one))
        parts.insert(0, _alone(one))
        if one.__cause__ is not None:
            one, link = one.__cause__, _CAUSED
        elif one.__context__ is not None and not one.__suppress_context__:
            one, link = one.__context__, _DURING
        else:
            break
        parts.insert(0, link)
    return "".join(parts).rstrip("\n")


def _alone(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    message = str(error) if kind.__module__.partition(".")[0] in _OURS else _HIDDEN if str(error) else ""
    inner = "".join(_alone(one) for one in error.exceptions) if isinstance(error, BaseExceptionGroup) else ""
    frames = "".join(traceback.format_tb(error.__traceback__))
    heading = "Traceback (most recent call last):\n" if frames else ""
    return f"{heading}{frames}{name}{': ' if message else ''}{message}\n{inner}"
