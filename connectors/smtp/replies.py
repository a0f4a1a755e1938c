"""What an error or a reply of the mail server means for the mail: surely not sent, or unknown, and whose fault it is.

Whose fault: up to MAIL FROM nothing is about one mail, so a refusal is the account's. Of a recipient or of a text the
server says so, by the enhanced status codes of RFC 3463 (X.1 address, X.2 mailbox, X.6 content, X.3.4 too big) or, in a
reply to RCPT without one, by 550, 551 and 553. What else is refused for good may be a policy towards the account (X.7,
a bare 554, «spam»), or be about this mail alone: one reply cannot tell, and who repeats the mail must find out.
"""

from __future__ import annotations

import re
import smtplib
import ssl

from connectors.base import AtFault, NotDone, Unknown
from connectors.http.answers import log_safe
from connectors.smtp.dialogue import Step

_ENHANCED = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})(?!\d|\.)")
#: Bad sender's address (RFC 3463 X.1.7, X.1.8): the account's own, whichever recipient it is told about.
_SENDERS = frozenset({(1, 7), (1, 8)})
_ABOUT_RECIPIENT = frozenset({1, 2})
_ABOUT_TEXT = frozenset({1, 2, 6})
_TOO_BIG = (3, 4)
#: Replies to RCPT that are about the recipient where no enhanced code says otherwise, and the one to a text.
_BAD_RECIPIENT = frozenset({501, 550, 551, 552, 553})
_BAD_TEXT = frozenset({552})
_POLICY = re.compile(
    r"polic|spam|junk|unsolicited|block|list|reputation|relay|denied|prohibit|forbidden|not (allowed|permitted|authori)"
    r"|authenti|rate|limit|too many|quota exceeded for sender|спам|политик|запрещ|блокир",
    re.IGNORECASE,
)


def outcome_of(error: Exception, step: Step, sent: bool) -> NotDone | Unknown:
    """What a mail that met this error in this step came to; ``sent``: its text may have reached the server."""
    if isinstance(error, smtplib.SMTPResponseException):
        return _refused(error.smtp_code, error.smtp_error, step, sent)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return NotDone("the mail server does not offer the encryption or the log-in that is set")
    if isinstance(error, ssl.SSLCertVerificationError):
        return NotDone(f"the mail server's certificate is not accepted: {error.verify_message}")
    if isinstance(error, UnicodeError):
        return NotDone("the mail server's user or password holds characters that it does not take")
    # The library makes a lost connection of a time-out; what it met first is the error's context.
    late = isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
    what = "no answer in time" if late else "the connection failed or was lost"
    if sent:
        return Unknown(f"the mail server: {what}, after the mail was sent")
    return NotDone(f"the mail server: {what} ({step.command}), before the mail was sent")


def _refused(code: int, reply: bytes | str, step: Step, sent: bool) -> NotDone | Unknown:
    """What a reply other than the hoped-for one means; only 4xx and 5xx are a refusal for certain."""
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    why = f"the mail server answered {code} to {step.command} ({log_safe(text)})"
    status = code if code > 0 else None
    if sent and not 400 <= code < 600:
        return Unknown(why, status=status)
    enhanced = _enhanced(code, text)
    named = f"{code // 100}.{enhanced[0]}.{enhanced[1]}" if enhanced else None
    fault = _at_fault(code, text, enhanced, step)
    return NotDone(why, permanent=code >= 500 and fault == "record", status=status, code=named, at_fault=fault)


def _at_fault(code: int, text: str, enhanced: tuple[int, int] | None, step: Step) -> AtFault:
    if step <= Step.SENDER or code == 421:
        return "account"
    if not 500 <= code < 600:
        # Not now, as greylisting says it: of this recipient.
        return "record"
    if enhanced is not None and enhanced[0] != 0:
        about = _ABOUT_TEXT if step is Step.TEXT else _ABOUT_RECIPIENT
        of_mail = enhanced[0] in about or (step is Step.TEXT and enhanced == _TOO_BIG)
        return "record" if of_mail and enhanced not in _SENDERS else "either"
    plain = _BAD_TEXT if step is Step.TEXT else _BAD_RECIPIENT
    return "record" if code in plain and not _POLICY.search(text) else "either"


def _enhanced(code: int, text: str) -> tuple[int, int] | None:
    """Subject and detail of the enhanced status code, where the reply has one of its own class."""
    found = _ENHANCED.match(text)
    if found is None or int(found[1]) != code // 100:
        return None
    return int(found[2]), int(found[3])
