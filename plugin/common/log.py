"""Logging for the whole process: structured lines on stderr, without clients' phones, names or words.

Anything logged through structlog or the standard library goes through the same masking. What a library puts into its
messages and exceptions may be anything, so only their wording is logged, and numbers.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from plugin.common.characters import UNSEEN
from plugin.common.tracebacks import exception_of, safe_traceback

#: Keys whose values are personal data, or a client's or operator's words: never logged.
_HIDDEN = frozenset(
    {
        *("name", "operator", "login", "note", "text", "fallback_text", "subject", "say"),
        *("body", "address", "email", "to", "secret", "password", "token", "authorization", "path_secret", "query"),
    }
)
_PHONES = frozenset({"phone", "phones"})
#: Keys whose values say something about one client by name: the names are logged, the values are not.
_FACTS = frozenset({"facts", "given", "answers"})
_NOT_AS_IT_IS = _HIDDEN | _PHONES | _FACTS

#: +, then 10 to 15 digits in any grouping; 7 or 8 and ten digits, or ten of them, as they are written in Russia; 11 to
#: 15 digits in a row. Never a part of a longer word or number (digests, UUIDs, dates, addresses of machines).
_PHONE = re.compile(
    r"""\+\d(?:[\s().\u00a0\u2010-\u2015-]{0,2}\d){9,14}(?!\d)
      | (?<![\w.+-])[78](?:[\s()\u00a0\u2010-\u2015-]{0,2}\d){10}(?!\w)
      | (?<![\w.+-])[78]\.\d{3}\.\d{3}\.\d{2}\.\d{2}(?!\w)
      | (?<![\w.+-])9\d{2}[\s-]?\d{3}[\s-]?\d{2}[\s-]?\d{2}(?!\w)
      | (?<![\w.+-])[3-9]\d{2}[\s\u00a0.-]\d{3}[\s\u00a0.-]\d{2}[\s\u00a0.-]\d{2}(?!\w)
      | \(\d{3,5}\)[\s\u00a0-]?\d{1,3}(?:[\s\u00a0-]?\d{2}){2}(?!\w)
      | (?<![\w.+-])\d{11,15}(?!\w)""",
    re.VERBOSE,
)
#: No number has fewer digits: nearly all texts have, which is found out first.
_PERHAPS_A_PHONE = re.compile(r"\d(?:\D*\d){7}")
_UNSEEN = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{UNSEEN}]")
_MASK = "***"
_DEEPEST = 6


def mask_phone(phone: str) -> str:
    """The number but for its end: ``+79161234567`` → ``***4567``; a short one keeps its last two digits."""
    digits = re.sub(r"\D", "", phone)
    return _MASK + digits[-2 if len(digits) < 10 else -4 :]


def mask_text(text: str) -> str:
    """The text with every phone number in it masked."""
    if not _PERHAPS_A_PHONE.search(text):
        return text
    return _PHONE.sub(lambda found: mask_phone(found.group()), text)


def mask_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """structlog processor: mask by the key's name, and phone numbers in every text."""
    for key, value in event.items():
        event[key] = _masked(key, value)
    return event


@contextmanager
def warnings_only() -> Iterator[None]:
    """For commands that print: only warnings are logged, to stderr, and what was set up before comes back after."""
    root, before = logging.getLogger(), structlog.get_config() if structlog.is_configured() else None
    kept = (root.handlers[:], root.level)
    set_up_logging(json_lines=False, level=logging.WARNING)
    try:
        yield
    finally:
        root.handlers[:], root.level = kept[0], kept[1]
        structlog.reset_defaults() if before is None else structlog.configure(**before)


def set_up_logging(*, json_lines: bool | None = None, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send everything this process logs to ``stream`` (stderr), one line each.

    JSON, unless the stream is a terminal or ``json_lines`` says otherwise. Call once, before the first thread starts.
    """
    stream = stream or sys.stderr
    as_json = not stream.isatty() if json_lines is None else json_lines
    handler = logging.StreamHandler(stream)
    handler.addFilter(_without_arguments)
    rendering = _rendering(as_json)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    # Our own lines do not go through the standard library's records, which would double what an event's line costs.
    structlog.configure(
        processors=[*_shared(), *rendering],
        logger_factory=lambda name="": _Lines(name, handler),
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # A full queue for a moment is what a queue is for; Alembic tells about every start.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)


class _Lines:
    """Writes finished lines where ``handler`` writes, in turn with it; a stream that takes none loses them, as there.

    The methods are the levels of structlog's loggers.
    """

    def __init__(self, name: str, handler: logging.StreamHandler[TextIO]) -> None:
        self.name = name
        self._handler = handler

    def msg(self, line: str) -> None:
        self._handler.acquire()
        try:
            with suppress(OSError, ValueError):
                self._handler.stream.write(f"{line}\n")
                self._handler.flush()
        finally:
            self._handler.release()

    debug = info = warning = error = critical = msg


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
    ]


def _rendering(as_json: bool) -> list[Processor]:
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    return [
        # Rendered before masking: our own exceptions' texts may quote a number.
        _render_exception,
        mask_event,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        renderer,
    ]


def _render_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if (error := exception_of(event.pop("exc_info", None))) is not None:
        event["exception"] = safe_traceback(error)
    return event


def _without_arguments(record: logging.LogRecord) -> bool:
    """A message of the standard library's logging with its wording and numbers, and nothing else that is filled in."""
    arguments = record.args
    if isinstance(record.msg, str) and arguments:
        if isinstance(arguments, Mapping):
            hidden: Any = {name: _number_or_mask(value) for name, value in arguments.items()}
        else:
            hidden = tuple(_number_or_mask(value) for value in arguments)
        try:
            record.msg, record.args = record.msg % hidden, ()
        except (TypeError, ValueError, KeyError):
            record.args = ()
    return True


def _number_or_mask(value: object) -> object:
    return value if isinstance(value, (int, float)) else _MASK


def _masked(key: str, value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool):
        return value
    # Whatever facts a script has: what ends in _name may be a person's.
    if key in _NOT_AS_IT_IS or key.endswith("_name") or depth > _DEEPEST:
        return _hidden(key, value)
    if isinstance(value, (str, int, float)):
        return _masked_text(value) if isinstance(value, str) else value
    if isinstance(value, Mapping):
        return {name: _masked(str(name), inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_masked("", inner, depth + 1) for inner in value]
    return _masked_text(str(value))


def _masked_text(text: str) -> str:
    text = mask_text(text)
    return text if text.isascii() and text.isprintable() else _UNSEEN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found.group()):04x}"


def _hidden(key: str, value: Any) -> Any:
    if key in _PHONES and isinstance(value, str):
        return mask_phone(value)
    if key in _FACTS and isinstance(value, Mapping):
        return dict.fromkeys(value, _MASK)
    return _MASK
