"""What an error or a reply of the mail server means for the mail: surely not sent, or unknown."""

from __future__ import annotations

import smtplib
import ssl

from connectors.base import NotDone, Unknown
from connectors.http.answers import log_safe


def outcome_of(error: Exception, sent: bool) -> NotDone | Unknown:
    """What a mail that met this error came to; ``sent``: its text may have reached the server."""
    if isinstance(error, smtplib.SMTPResponseException):
        return _refused(error.smtp_code, error.smtp_error, sent)
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
    return NotDone(f"the mail server: {what}, before the mail was sent")


def _refused(code: int, reply: bytes | str, sent: bool) -> NotDone | Unknown:
    """What a reply other than the hoped-for one means; only 4xx and 5xx are a refusal for certain."""
    said = log_safe(reply.decode(errors="replace") if isinstance(reply, bytes) else reply)
    why = f"the mail server answered {code} ({said})"
    status = code if code > 0 else None
    if sent and not 400 <= code < 600:
        return Unknown(why, status=status)
    return NotDone(why, permanent=code >= 500, status=status)
