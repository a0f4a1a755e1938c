"""What Bitrix24's error codes mean for a write or a read: told by HTTP status and code, never by the wording.

Sources: https://apidocs.bitrix24.ru/error-codes.html, the pages of each method, and /api-reference/rest-v3.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.base import CrmRefused, CrmUnavailable, NotDone, Unknown
from connectors.http.answers import Complaint, log_safe
from connectors.http.redaction import SentRequest

#: Rejected before anything was executed, and worth another try later. Each with the status the method answers alone.
_LATER = {
    "QUERY_LIMIT_EXCEEDED": 503,
    "OPERATION_TIME_LIMIT": 429,
    "EXPIRED_TOKEN": 401,
    "NO_AUTH_FOUND": 401,
    # The public part is closed for a while, or the portal was: nothing runs there.
    "PORTAL_DELETED": 503,
    # The mailbox that the portal sends from did not take it just now.
    "MESSAGE_SEND_FAILED": 400,
}
#: Shut by hand until the support lifts it.
_BLOCKED = {"OVERLOAD_LIMIT": 503}
#: It may have been executed before it broke.
_PERHAPS_DONE = {"INTERNAL_SERVER_ERROR": 500, "ERROR_UNEXPECTED_ANSWER": 500}
#: The card or record is not there (any more).
_GONE = frozenset({"NOT_FOUND", "OWNER_NOT_FOUND", "BITRIX_REST_V3_EXCEPTION_ENTITYNOTFOUNDEXCEPTION"})
_FORBIDDEN = frozenset(
    {"INSUFFICIENT_SCOPE", "INVALID_CREDENTIALS", "ACCESS_DENIED", "USER_ACCESS_ERROR", "WRONG_AUTH_TYPE"}
)
#: An activity that is not there has no code of its own, only these words.
_NO_SUCH = frozenset({"activity is not found", "not found"})
_OWN_CODE = re.compile(r"[A-Z][A-Z_]{4,}")
OPERATION_TIME_LIMIT = "OPERATION_TIME_LIMIT"
#: A method that used up its time is free again after so long at the latest.
LONGEST_HOLD = 600.0
#: The whole portal was asked for too much; who goes on is shut out.
_TOO_MANY = "QUERY_LIMIT_EXCEEDED"
_REFUSED, _ABSENT, _NO_RIGHT = 400, 404, 403


def explained(data: Any, now: datetime) -> Complaint:
    """An error answer in the CRM's own terms, of REST 2 and REST 3."""
    if not isinstance(data, Mapping):
        return Complaint()
    code, message = named(data)
    word = (code or "").upper()
    after = _until_reset(data, now) if word == OPERATION_TIME_LIMIT else None
    return Complaint(
        code, message, throttled=word in _LATER, after=after, blocked=word in _BLOCKED, holds=word == _TOO_MANY
    )


def named(error: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Code and words of an error, whichever version of REST says it; the code may be empty or a number."""
    said: Any = error.get("error")
    message: Any = error.get("error_description")
    if isinstance(said, Mapping):
        wrong = said.get("validation")
        words = [part.get("message") for part in wrong if isinstance(part, Mapping)] if isinstance(wrong, list) else []
        # Some methods of REST 3 hide a code of their own behind the one for fields that are wrong.
        own = next((word for word in words if isinstance(word, str) and _OWN_CODE.fullmatch(word)), None)
        said, message = own or said.get("code"), said.get("message")
    code = str(said) if isinstance(said, str | int) and not isinstance(said, bool) and said != "" else None
    return code, message if isinstance(message, str) and message else None


def discreet(error: Mapping[str, Any], sent: SentRequest) -> Mapping[str, Any]:
    """The error without what its words repeat of the request."""
    code, message = named(error)
    return {
        **error,
        "error": code and log_safe(sent.redacted(code)),
        "error_description": message and sent.redacted(message),
    }


def has_error(data: Any) -> bool:
    """Whether an answer says of itself that it is an error, whatever its status: the error may be an empty text."""
    return isinstance(data, Mapping) and "error" in data and "result" not in data


def not_written(error: Mapping[str, Any], what: str, *, after: float | None = None) -> NotDone | Unknown:
    """How a write ended that was answered with this error, in a batch or with status 200.

    ``what`` names the method; ``after`` is how long a method that used up its time is held.
    """
    code, message = named(error)
    word = (code or "").upper()
    why = f"{what} was refused" + _in_words(code, message)
    if word in _BLOCKED:
        return NotDone(why, status=_BLOCKED[word], code=code, blocked=True)
    if word in _LATER:
        held = after if word == OPERATION_TIME_LIMIT else None
        return NotDone(why, after=held, status=_LATER[word], code=code)
    if word in _PERHAPS_DONE:
        return Unknown(f"{what} failed" + _in_words(code, message), status=_PERHAPS_DONE[word], code=code)
    return NotDone(why, permanent=True, status=status_of(error), code=code)


def not_read(error: Mapping[str, Any], what: str, *, after: float | None = None) -> CrmUnavailable | CrmRefused:
    """The same for a read."""
    outcome = not_written(error, what, after=after)
    if isinstance(outcome, NotDone):
        if outcome.permanent:
            return CrmRefused(outcome.why, status=outcome.status, code=outcome.code)
        blocked = outcome.blocked
        return CrmUnavailable(
            outcome.why, after=outcome.after, status=outcome.status, code=outcome.code, blocked=blocked
        )
    return CrmUnavailable(outcome.why, status=outcome.status, code=outcome.code)


def status_of(error: Mapping[str, Any]) -> int:
    """What a refusal means in HTTP's terms; Bitrix24 itself answers 400 to nearly all of them."""
    code, message = named(error)
    word = (code or "").upper()
    if word in _GONE or (message or "").strip(". ").lower() in _NO_SUCH:
        return _ABSENT
    return _NO_RIGHT if word in _FORBIDDEN or word.startswith("BITRIX_REST_V3_EXCEPTION_ACCESS") else _REFUSED


def is_gone(refusal: CrmRefused | NotDone) -> bool:
    """Whether it was refused because the record is not there."""
    return refusal.status == _ABSENT or (refusal.code or "").upper() in _GONE


def _in_words(code: str | None, message: str | None) -> str:
    said = ": ".join(log_safe(part) for part in (code, message) if part)
    return f" ({said})" if said else ""


def _until_reset(data: Mapping[str, Any], now: datetime) -> float | None:
    times = data.get("time")
    return seconds_until_reset(times, now) if isinstance(times, Mapping) else None


def seconds_until_reset(times: Mapping[str, Any], now: datetime) -> float | None:
    """How long until the oldest minute of a method's used-up time is forgotten; None where that is not said."""
    at = times.get("operating_reset_at")
    if isinstance(at, str):
        # Seconds since 1970 by nearly all pages, a date by a few.
        try:
            moment = datetime.fromisoformat(at)
        except ValueError:
            return None
        at = moment.timestamp() if moment.tzinfo is not None else None
    if not isinstance(at, int | float) or isinstance(at, bool):
        return None
    # Added to, because both clocks are cut to seconds.
    return min(max(at - now.timestamp(), 0.0) + 1.0, LONGEST_HOLD)
