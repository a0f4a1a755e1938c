"""The three ways a write can end, and what becomes of a reminder."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from connectors.protocol.errors import CrmRefused, CrmUnavailable


@dataclass(frozen=True, slots=True)
class Done:
    """The CRM has it, under this id."""

    remote_id: str


#: What a refusal is about.
AtFault = Literal["record", "account", "either", "part"]


@dataclass(frozen=True, slots=True)
class NotDone:
    """The CRM surely did not do it. ``permanent``: never will; else try again, at the earliest after ``after`` seconds.

    ``status`` is the HTTP (or SMTP) status, ``code`` the CRM's own error code, both for the log of attempts.
    ``blocked``: the account is shut until a human lifts that; every further call makes it worse. ``at_fault`` is what
    was refused: this record, the account whatever is written, or, where the answer does not tell, either of them; or a
    *part* of a CRM that answers, such as the mail server that it sends by.
    """

    why: str
    permanent: bool = False
    after: float | None = None
    status: int | None = None
    code: str | None = None
    blocked: bool = False
    at_fault: AtFault = "record"


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may or may not have been done (time-out, reset, 5xx): look for the key before any repeat."""

    why: str
    status: int | None = None
    code: str | None = None


Outcome = Done | NotDone | Unknown


class ReminderState(enum.Enum):
    """A reminder as the CRM holds it now."""

    OPEN = "open"
    DONE = "done"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class ReminderStatus:
    """A reminder as the CRM holds it now, as far as it tells: whose it is (the CRM's user), when it is due, and of one
    that is done by whom and when. Times are aware.
    """

    state: ReminderState
    person: str | None = None
    due: datetime | None = None
    done_by: str | None = None
    done_at: datetime | None = None


def not_done_because(error: CrmUnavailable | CrmRefused) -> NotDone:
    """The outcome of a write for which something could not be read first."""
    if isinstance(error, CrmRefused):
        return NotDone(str(error), permanent=True, status=error.status, code=error.code)
    return NotDone(str(error), after=error.after, status=error.status, code=error.code, blocked=error.blocked)
