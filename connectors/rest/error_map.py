"""What a CRM's answers mean: its own words for throttled, refused, blocked, as the description lists them.

Where no rule matches, the status alone decides, as it does for every connector (``connectors.http.client``).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from connectors.base import CrmRefused, CrmUnavailable, NotDone, Unknown
from connectors.http.answers import Complaint, HttpAnswer, log_safe
from connectors.rest.conditions import RecordCondition
from connectors.rest.paths import Path, as_text

Meaning = Literal["done", "missing", "throttled", "token", "waits", "refused", "blocked", "unknown"]
MEANINGS: tuple[str, ...] = get_args(Meaning)
#: Surely not executed, and worth another try.
WAITING = frozenset({"throttled", "token", "waits"})
#: The status that the plugin knows a meaning by, whatever the CRM's own.
_STATUS: Mapping[str, int] = {"throttled": 429, "token": 401, "missing": 404}
_LONGEST_WAIT = 86_400.0


#: The rules of the request that this thread is about, which the HTTP client knows nothing of.
_OF_REQUEST = threading.local()


class ErrorCode(str):
    """The CRM's own error code, and with it what the description says that the answer means."""

    __slots__ = ("meaning",)
    meaning: Meaning

    def __new__(cls, code: str, meaning: Meaning) -> ErrorCode:
        made = super().__new__(cls, code)
        made.meaning = meaning
        return made


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """One kind of answer: by status (empty: any) and by conditions on its JSON."""

    means: Meaning
    status: tuple[int, ...] = ()
    when: tuple[RecordCondition, ...] = ()
    after: Path | float | None = None

    def matches(self, status: int, data: Any) -> bool:
        """Whether this answer is of the kind."""
        return (not self.status or status in self.status) and all(one.holds(data, {}) for one in self.when)

    def wait(self, data: Any) -> float | None:
        """The seconds after which it may be tried again, where it says so."""
        value = self.after.get(data) if isinstance(self.after, Path) else self.after
        try:
            seconds = float(as_text(value))
        except ValueError:
            return None
        return None if math.isnan(seconds) else min(max(seconds, 0.0), _LONGEST_WAIT)


@dataclass(frozen=True, slots=True)
class ErrorMap:
    """The rules in their order, and where errors keep the CRM's own code and message. Thread-safe."""

    rules: Sequence[AnswerRule] = ()
    code: Sequence[Path] = ()
    message: Sequence[Path] = ()

    @contextmanager
    def of_request(self, rules: Sequence[AnswerRule]) -> Iterator[None]:
        """Within the block, in this thread, a request's own rules come first."""
        _OF_REQUEST.rules = rules
        try:
            yield
        finally:
            _OF_REQUEST.rules = ()

    def explain(self, status: int, data: Any, _headers: Mapping[str, str]) -> Complaint:
        """``connectors.http.answers.Explain`` for this CRM."""
        rule = self.of(status, data)
        code, message = self._said(self.code, data), self._said(self.message, data)
        if rule is None:
            return Complaint(code, message)
        # As it may be logged already: a code that has to be redacted afterwards loses what it means.
        return Complaint(
            ErrorCode(log_safe(code or ""), rule.means),
            message,
            throttled=rule.means in WAITING,
            after=rule.wait(data),
            blocked=rule.means == "blocked",
        )

    def of(self, status: int, data: Any) -> AnswerRule | None:
        """The first rule that matches."""
        rules = (*getattr(_OF_REQUEST, "rules", ()), *self.rules)
        return next((rule for rule in rules if rule.matches(status, data)), None)

    def inside(self, answer: HttpAnswer, host: str) -> NotDone | Unknown | None:
        """What a 2xx answer with an error inside means; None where it is a good one."""
        status, data = answer.status, answer.data
        rule = self.of(status, data)
        if rule is None or rule.means == "done":
            return None
        complaint = self.explain(status, data, {})
        code, message = (log_safe(answer.sent.redacted(part or "")) for part in (complaint.code, complaint.message))
        complaint = replace(complaint, code=ErrorCode(code, rule.means), message=message)
        said = ": ".join(part for part in (complaint.code, complaint.message) if part)
        why = f"{host} answered {status} with an error inside" + (f" ({said})" if said else "")
        if rule.means == "unknown":
            return settled(Unknown(why, status, complaint.code))
        permanent = rule.means in ("refused", "missing")
        return settled(NotDone(why, permanent, complaint.after, status, complaint.code, complaint.blocked))

    @staticmethod
    def _said(paths: Sequence[Path], data: Any) -> str | None:
        found = (path.get(data) for path in paths)
        return next((as_text(value) for value in found if isinstance(value, str | int) and as_text(value)), None)


def meaning_of(failed: NotDone | Unknown | CrmRefused | CrmUnavailable) -> Meaning | None:
    """What the description says of this failure, if it does."""
    return failed.code.meaning if isinstance(failed.code, ErrorCode) else None


def settled(failed: NotDone | Unknown) -> NotDone | Unknown:
    """A failed write as its meaning wants it: a 5xx that is surely refused, a 4xx that may have been executed."""
    meaning = meaning_of(failed)
    status = _STATUS.get(meaning or "", failed.status or 0) or None
    if meaning == "unknown":
        return Unknown(failed.why, status, failed.code)
    if meaning in ("refused", "missing", "done"):
        return NotDone(failed.why, permanent=True, status=status, code=failed.code)
    if isinstance(failed, Unknown):
        return Unknown(failed.why, status, failed.code)
    return NotDone(failed.why, failed.permanent, failed.after, status, failed.code, failed.blocked)


def failed_read(failed: CrmRefused | CrmUnavailable) -> CrmRefused | CrmUnavailable:
    """A failed read as its meaning wants it."""
    meaning = meaning_of(failed)
    status = _STATUS.get(meaning or "", failed.status or 0) or None
    refused = isinstance(failed, CrmRefused) and meaning != "unknown"
    if refused or meaning in ("refused", "missing", "done"):
        return CrmRefused(str(failed), status=status, code=failed.code)
    after, blocked = (failed.after, failed.blocked) if isinstance(failed, CrmUnavailable) else (None, False)
    return CrmUnavailable(str(failed), after=after, status=status, code=failed.code, blocked=blocked)


def plain(failed: NotDone | Unknown) -> NotDone | Unknown:
    """The same with the CRM's code as a text alone."""
    return replace(failed, code=str(failed.code) if failed.code else None)


def plain_read(failed: CrmRefused | CrmUnavailable) -> CrmRefused | CrmUnavailable:
    """The same for a read."""
    failed.code = str(failed.code) if failed.code else None
    return failed
