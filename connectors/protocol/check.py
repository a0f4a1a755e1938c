"""One point of the doctor's report on an account, and what an error says of a point."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.protocol.errors import ConnectorError, CrmUnavailable

#: Not signed in, not paid, not allowed.
_NO = frozenset({401, 402, 403})
_THROTTLED = 429


@dataclass(frozen=True, slots=True)
class Check:
    """One point of ``check()``: what was tried, whether it holds, and the remedy if it does not.

    ``ok`` None: it could not be tried now, such as while the CRM throttles; that says nothing about the point itself.
    """

    name: str
    ok: bool | None
    remedy: str = ""


def point(name: str, ok: bool | None, remedy: str = "") -> Check:
    """A point with its remedy where it does not hold."""
    return Check(name, ok, "" if ok else remedy)


def untried(name: str, why: object) -> Check:
    """A point that nothing is known of now, ``why``: an error, or what has to be mended first."""
    if is_throttled(why):
        return Check(name, None, f"Try again in a minute, the CRM answers and throttles: {why}")
    return Check(name, None, f"Try again later: {why}")


def read_failed(name: str, error: ConnectorError, remedy: str) -> Check:
    """A point for which a read failed: it does not hold where the CRM refused, else it could not be tried."""
    return point(name, False, remedy) if is_refusal(error) else untried(name, error)


def is_refusal(error: ConnectorError) -> bool:
    """Whether the CRM has answered no, for good or until an admin mends something; else it was merely not asked."""
    return not isinstance(error, CrmUnavailable) or error.blocked or error.status in _NO


def is_throttled(error: object) -> bool:
    """Whether the CRM answers and only asks for fewer requests."""
    if not isinstance(error, CrmUnavailable) or error.blocked:
        return False
    return error.status == _THROTTLED or error.after is not None
