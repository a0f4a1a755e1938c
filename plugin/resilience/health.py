"""What one exchange says about the health of the account: it answers, it is away, or only this record is at fault.

A mail server's refusal for good is one of three (``NotDone.at_fault``). Of *this recipient or text*: that mail is
parked. Of *the account*, which is all that comes before a recipient is named: nothing is parked, and it counts as away.
Of *either*, such as «554 5.7.1 rejected as spam»: then the first mail only waits, as a suspect. A second, different one
refused before anything has got through shows that it is the account: the breaker opens (``plugin.resilience.breaker``),
mails wait and are tried one by one until one gets through, and then all go out. A mail that is refused again and again
while others get through in between is at fault itself: after ``[delivery] most_refusals`` it is parked, but never
within ``BAD_SPELL`` of its first refusal, so that one bad hour of a mail server costs no mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from connectors.base import CrmRefused, CrmUnavailable, Done, NotDone, Outcome

#: The code under which a fault of our own or a connector's code stands in the log of attempts.
FAULT = "fault"
#: The code under which a refusal that the account or that mail alone may have caused stands there.
REFUSED = "refused"
#: No mail is given up for refusals that may be the account's before so much time has passed.
BAD_SPELL = timedelta(hours=1)

#: The code of a CrmUnavailable for which nobody was asked: the account is known to be away.
KNOWN_AWAY = "known_away"
_NOT_LOGGED_IN = 401
#: No login is taken (401), too much was asked (429), or the service is closed for now (503; 421 of a mail server).
_ACCOUNT = frozenset({401, 421, 429, 503})
#: Replies of a mail server that does not let the plugin log in: as passing as a token that the CRM does not take.
_NO_LOGIN = frozenset({530, 534, 535, 538})


class Health(Enum):
    """``SUSPECT``: a 5xx or a time-out, which the account or this one record may have caused. ``NO_SIGNAL``: none.

    ``REFUSED``: a mail server's refusal for good, which the account or this one mail may have caused. ``PART``: the
    account answers, and a part of it does not do its work, such as the CRM's mail server.
    """

    ANSWERS = "answers"
    AWAY = "away"
    SUSPECT = "suspect"
    REFUSED = "refused"
    PART = "part"
    NO_SIGNAL = "no_signal"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The health, why, and after how many seconds the account itself wants to be asked again.

    ``blocked``: the CRM has shut the account until a human has that lifted; it counts as away. ``at_once``: one such
    answer is enough, for every further try makes it worse: log-ins that fail shut out whoever goes on.
    """

    health: Health
    why: str = ""
    after: float | None = None
    blocked: bool = False
    at_once: bool = False


NO_SIGNAL = Verdict(Health.NO_SIGNAL)
ANSWERS = Verdict(Health.ANSWERS)


def of_write(outcome: Outcome) -> Verdict:  # noqa: PLR0911 (one for each way it can go)
    """What a write's outcome says."""
    if isinstance(outcome, Done):
        return ANSWERS
    if outcome.code == FAULT:
        return NO_SIGNAL
    if not isinstance(outcome, NotDone):
        return Verdict(Health.SUSPECT, outcome.why)
    if outcome.blocked or is_login_refused(outcome):
        return Verdict(Health.AWAY, outcome.why, outcome.after, outcome.blocked, at_once=True)
    if outcome.permanent:
        # Without a status it never got out of this machine.
        return NO_SIGNAL if outcome.status is None else ANSWERS
    if outcome.at_fault == "part" or _is_success(outcome.status):
        return Verdict(Health.PART, outcome.why, outcome.after)
    return _not_now(outcome.status, outcome.why, outcome.after)


def of_account(verdict: Verdict) -> Verdict:
    """What an exchange about one of the CRM's mails says of the CRM: a mail server that is away says nothing of it."""
    if verdict.health is Health.PART:
        return ANSWERS
    return NO_SIGNAL if verdict.health is Health.SUSPECT else verdict


def of_part(verdict: Verdict) -> Verdict:
    """What the same exchange says of the CRM's mails: what befell the whole account says nothing of them."""
    match verdict.health:
        case Health.PART | Health.SUSPECT:
            return Verdict(Health.SUSPECT, verdict.why, verdict.after)
        case Health.ANSWERS:
            return verdict
    return NO_SIGNAL


def of_mail(outcome: Outcome) -> Verdict:
    """The same for a mail server, whose 4xx replies to RCPT and to the text are about one recipient."""
    if isinstance(outcome, NotDone) and outcome.at_fault != "record":
        health = Health.AWAY if outcome.at_fault == "account" else Health.REFUSED
        return Verdict(health, outcome.why, outcome.after)
    if isinstance(outcome, NotDone) and not outcome.permanent and outcome.status not in (None, *_ACCOUNT):
        return ANSWERS
    return of_write(outcome)


def of_read(error: CrmUnavailable | CrmRefused) -> Verdict:
    """What a read that failed says."""
    if isinstance(error, CrmRefused):
        return NO_SIGNAL if error.status is None else ANSWERS
    if error.blocked:
        return Verdict(Health.AWAY, str(error), error.after, blocked=True, at_once=True)
    if error.code == KNOWN_AWAY:
        return Verdict(Health.AWAY, str(error), error.after)
    return _not_now(error.status, str(error), error.after)


def of_batch(verdicts: Sequence[Verdict]) -> Verdict:
    """What one exchange about several deliveries says: one exchange, so one verdict, however many were in it."""
    for telling in (
        lambda one: one.blocked,
        lambda one: one.health is Health.ANSWERS,
        lambda one: one.health is Health.PART,
        lambda one: one.health is Health.AWAY,
        lambda one: one.health is Health.SUSPECT,
        lambda one: one.health is Health.REFUSED,
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
    if _is_success(status):
        return ANSWERS
    return Verdict(Health.AWAY if status in _ACCOUNT else Health.SUSPECT, why, after, at_once=status == _NOT_LOGGED_IN)


def _is_success(status: int | None) -> bool:
    return status is not None and 200 <= status < 300
