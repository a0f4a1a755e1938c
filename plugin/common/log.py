"""Logging for the whole process: structured lines on stderr, without clients' phones, names or words.

Anything logged through structlog or the standard library goes through the same masking; texts that a library renders
(tracebacks, SQL errors) are searched for phone numbers.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

#: Keys whose values are personal data, or a client's or operator's words: never logged.
_HIDDEN = frozenset(
    {
        *("name", "note", "text", "fallback_text", "subject", "say"),
        *("body", "address", "email", "to", "secret", "password", "token", "authorization", "path_secret", "query"),
    }
)
_PHONES = frozenset({"phone", "phones"})
#: Keys whose values say something about one client by name: the names are logged, the values are not.
_FACTS = frozenset({"facts", "given", "answers"})

#: +, then 10 to 15 digits in any grouping; 7 or 8 and ten digits, or a mobile's ten, as they are written in Russia;
#: 11 to 15 digits in a row. Never a part of a longer word or number (digests, UUIDs, dates).
_PHONE = re.compile(
    r"""\+\d(?:[\s()\u00a0-]{0,2}\d){9,14}(?!\d)
      | (?<![\w.+-])[78](?:[\s()\u00a0-]{0,2}\d){10}(?!\w)
      | (?<![\w.+-])9\d{2}[\s-]?\d{3}[\s-]?\d{2}[\s-]?\d{2}(?!\w)
      | (?<![\w.+-])\d{11,15}(?!\w)""",
    re.VERBOSE,
)
_MASK = "***"
_DEEPEST = 6


def mask_phone(phone: str) -> str:
    """The number with its middle hidden: ``+79161234567`` → ``+7916***4567``; a short one keeps its last two digits."""
    plus = "+" if phone.lstrip().startswith("+") else ""
    digits = re.sub(r"\D", "", phone)
    if len(digits) < 10:
        return _MASK + digits[-2:]
    return f"{plus}{digits[:4]}{_MASK}{digits[-4:]}"


def mask_text(text: str) -> str:
    """The text with every phone number in it masked."""
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
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_shared(), processors=_rendering(as_json))
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # A full queue for a moment is what a queue is for; Alembic tells about every start.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)


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
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        # Rendered before masking: an exception's text may quote what came in.
        structlog.processors.format_exc_info,
        mask_event,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        renderer,
    ]


def _masked(key: str, value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool):
        return value
    # Whatever facts a script has: what ends in _name may be a person's.
    if key in _HIDDEN or key.endswith("_name") or key in _PHONES or key in _FACTS or depth > _DEEPEST:
        return _hidden(key, value)
    if isinstance(value, Mapping):
        return {name: _masked(str(name), inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_masked("", inner, depth + 1) for inner in value]
    return value if isinstance(value, (int, float)) else mask_text(str(value))


def _hidden(key: str, value: Any) -> Any:
    if key in _PHONES and isinstance(value, str):
        return mask_phone(value)
    if key in _FACTS and isinstance(value, Mapping):
        return dict.fromkeys(value, _MASK)
    return _MASK
