"""What one exchange says about the health of the account: it answers, it is away, or only this record is at fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from connectors.base import CrmRefused, CrmUnavailable, Done, NotDone, Outcome

#: The code under which a fault of our own or a connector's code stands in the log of attempts.
FAULT = "fault"

#: No login is taken (401), too much was asked (429), or the service is closed for now (503; 421 of a mail server).
_ACCOUNT = frozenset({401, 421, 429, 503})
#: Replies of a mail server that does not let the plugin log in: as passing as a token that the CRM does not take.
_NO_LOGIN = frozenset({530, 534, 535, 538})


class Health(Enum):
    """``SUSPECT``: a 5xx or a time-out, which the account or this one record may have caused. ``NO_SIGNAL``: none."""

    ANSWERS = "answers"
    AWAY = "away"
    SUSPECT = "suspect"
    NO_SIGNAL = "no_signal"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The health, why, and after how many seconds the account itself wants to be asked again.

    ``blocked``: the CRM has shut the account until a human has that lifted; it counts as away.
    """

    health: Health
    why: str = ""
    after: float | None = None
    blocked: bool = False


NO_SIGNAL = Verdict(Health.NO_SIGNAL)
ANSWERS = Verdict(Health.ANSWERS)


def of_write(outcome: Outcome) -> Verdict:
    """What a write's outcome says."""
    if isinstance(outcome, Done):
        return ANSWERS
    if outcome.code == FAULT:
        return NO_SIGNAL
    if not isinstance(outcome, NotDone):
        return Verdict(Health.SUSPECT, outcome.why)
    if outcome.blocked or is_login_refused(outcome):
        return Verdict(Health.AWAY, outcome.why, outcome.after, outcome.blocked)
    if outcome.permanent:
        # Without a status it never got out of this machine.
        return NO_SIGNAL if outcome.status is None else ANSWERS
    return _not_now(outcome.status, outcome.why, outcome.after)


def of_mail(outcome: Outcome) -> Verdict:
    """The same for a mail server, whose 4xx replies are about one recipient."""
    if isinstance(outcome, NotDone) and not outcome.permanent and outcome.status not in (None, *_ACCOUNT):
        return ANSWERS
    return of_write(outcome)


def of_read(error: CrmUnavailable | CrmRefused) -> Verdict:
    """What a read that failed says."""
    if isinstance(error, CrmRefused):
        return NO_SIGNAL if error.status is None else ANSWERS
    if error.blocked:
        return Verdict(Health.AWAY, str(error), error.after, blocked=True)
    return _not_now(error.status, str(error), error.after)


def of_batch(verdicts: Sequence[Verdict]) -> Verdict:
    """What one exchange about several deliveries says: one exchange, so one verdict, however many were in it."""
    for telling in (
        lambda one: one.blocked,
        lambda one: one.health is Health.ANSWERS,
        lambda one: one.health is Health.AWAY,
        lambda one: one.health is Health.SUSPECT,
    ):
        found = next((verdict for verdict in verdicts if telling(verdict)), None)
        if found is not None:
            return found
    return NO_SIGNAL


def is_login_refused(outcome: Outcome) -> bool:
    """Whether a mail server refused the plugin's log-in: nothing is wrong with the mail, so it waits."""
    return isinstance(outcome, NotDone) and outcome.status in _NO_LOGIN


def _not_now(status: int | None, why: str, after: float | None) -> Verdict:
    if status is None:
        # With a time it is our own quota that is used up; without, no connection could be made.
        return NO_SIGNAL if after is not None else Verdict(Health.AWAY, why)
    return Verdict(Health.AWAY if status in _ACCOUNT else Health.SUSPECT, why, after)
