"""A mail built: plain text, one sender, one recipient, and a Message-ID that marks its repeats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, getaddresses

# A folded Message-ID is read wrongly by some servers, so that repeats would not be recognised: the line limit of
# RFC 5322 instead of the customary 78.
_POLICY = SMTP_POLICY.clone(max_line_length=998)


class UnusableMail(ValueError):
    """A header that no mail can carry; the message names the field, never its content."""


def build_message(
    sender: str,
    to: str,
    subject: str,
    text: str,
    message_id: str,
    date: datetime,
    refers_to: Sequence[str] = (),
) -> EmailMessage:
    """A plain text mail in UTF-8, the subject exactly as given. Raises UnusableMail.

    Message-IDs are with or without their angle brackets; the same ``message_id`` marks a repeat of the same mail.
    ``refers_to``: those of the mails that it belongs to, the first of them first.
    """
    for name, value in (("from", sender), ("to", to), ("subject", subject)):
        if any(char in value for char in "\r\n\0"):
            raise UnusableMail(f"{name}: holds a line end")
    identifier, earlier = _identifier(message_id), [_identifier(one) for one in refers_to]
    message = EmailMessage(policy=_POLICY)
    message["From"] = parse_address("from", sender)
    message["To"] = parse_address("to", to)
    message["Subject"] = subject
    message["Date"] = format_datetime(date)
    message["Message-ID"] = identifier
    if earlier:
        message["In-Reply-To"] = earlier[-1]
        message["References"] = " ".join(earlier)
    # Keeps holiday notices and other robots from answering (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    try:
        message.set_content(text, charset="utf-8", cte="base64")
    except ValueError:
        raise UnusableMail("text: holds a character that is none") from None
    return message


def _identifier(message_id: str) -> str:
    identifier = message_id.strip().removeprefix("<").removesuffix(">")
    if not identifier.isascii() or "@" not in identifier or any(char in identifier for char in " <>\r\n\0"):
        raise UnusableMail("message id: expected unique@domain")
    return f"<{identifier}>"


def parse_address(name: str, given: str) -> Address:
    """The one address in ``given``, its domain in ASCII (IDNA)."""
    found = getaddresses([given])
    display, spec = found[0] if len(found) == 1 else ("", "")
    local, _, domain = spec.rpartition("@")
    try:
        if not local or not domain or not local.isascii():
            raise ValueError
        return Address(display, local, domain.encode("idna").decode())
    except (ValueError, UnicodeError, HeaderParseError, IndexError):
        raise UnusableMail(f"{name}: not one usable mail address") from None
