"""What a CRM answered: its data, its complaint in its own terms, and how long it wants to be left alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from connectors.base import Done, NotDone, Outcome, Unknown
from connectors.http.redaction import SentRequest
from plugin.common.text_tree import clean_tree

_LONGEST_RETRY_AFTER = 86_400.0
_LONGEST_MESSAGE = 200
_MAIL_ADDRESS = re.compile(r"[\w.+-]+@[\w.-]+")
_PHONE_NUMBER = re.compile(r"\+?\d(?:[\s().-]*\d){6,}")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A 2xx answer: ``data`` is its JSON, None where the answer is empty and may be; ``sent`` is what was asked."""

    status: int
    data: Any
    headers: Mapping[str, str]
    sent: SentRequest = field(default_factory=SentRequest, repr=False)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an error answer says in the CRM's own terms.

    ``throttled``: rejected for now, surely not executed; ``after`` seconds it may be tried again, where the CRM says so
    elsewhere than in Retry-After. ``blocked``: the account is shut until a human lifts that. ``holds``: so much was
    asked for that the CRM may shut the account, so that nothing at all goes out for a while.
    """

    code: str | None = None
    message: str | None = None
    throttled: bool = False
    after: float | None = None
    blocked: bool = False
    holds: bool = False


#: Reads a CRM's error: the HTTP status, the answer's JSON (None where it is none) and its headers.
Explain = Callable[[int, Any, Mapping[str, str]], Complaint]


def explain_json(_status: int, data: Any, _headers: Mapping[str, str]) -> Complaint:
    """The common shapes: ``{"error": {"code", "message"}}`` and ``{"error": code, "error_description": message}``."""
    if not isinstance(data, dict):
        return Complaint()
    error = data.get("error")
    if isinstance(error, dict):
        return Complaint(_text(error.get("code")), _text(error.get("message")))
    return Complaint(_text(error), _text(data.get("error_description") or data.get("message")))


def done(result: HttpAnswer | NotDone | Unknown, *path: str) -> Outcome:
    """The outcome of a create whose answer holds the new record's id under these keys; without one it is unknown."""
    if not isinstance(result, HttpAnswer):
        return result
    value = result.data
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        return Done(str(value))
    return Unknown(f"the CRM answered {result.status} without the id of what it wrote", status=result.status)


def parsed(body: bytes) -> tuple[Any, bool]:
    """The body's JSON and whether it was any; an empty body is not.

    A byte order mark is skipped, and texts are mended, so that whatever is made of them can be stored and sent.
    """
    try:
        data = json.loads(body)
        # Only by an escape could plain signs come to hold what has to be mended.
        is_plain = body.isascii() and b"\\" not in body and b"\x7f" not in body
        return data if is_plain else clean_tree(data).value, True
    except (ValueError, RecursionError):
        return None, False


def log_safe(text: str) -> str:
    """A CRM's own words fit for a log: one short line without mail addresses and phone numbers."""
    line = " ".join(text.split())
    line = _PHONE_NUMBER.sub("(number)", _MAIL_ADDRESS.sub("(address)", line))
    line = "".join(char for char in line if char.isprintable())
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (seconds or an HTTP date), at most a day; None where it says nothing."""
    given = (header or "").strip()
    try:
        if given.isascii() and given.isdigit():
            seconds = float(given[:12])
        else:
            seconds = (_aware(parsedate_to_datetime(given)) - now).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None
