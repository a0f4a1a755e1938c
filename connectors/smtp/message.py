"""A mail built: plain text, one sender, one recipient, and a Message-ID that marks its repeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import Any

from connectors.smtp.encoded_words import mailbox, unstructured
from plugin.common.mail_address import MailAddress, UnusableAddress, mail_address
from plugin.common.text import sendable, sendable_line


class UnusableMail(ValueError):
    """A header that no mail can carry; the message names the field and at most one character of its content."""


class _Subject(str):
    """A subject as it is to be read."""

    __slots__ = ()
    name = "Subject"


class _Policy(EmailPolicy):
    """Writes the headers itself: the library makes encoded words longer than RFC 2047 allows, and folds Message-IDs.

    A folded Message-ID is read wrongly by some servers, so that repeats would not be recognised.
    """

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        # The library would read «=?» in a subject as an encoded word.
        return (name, _Subject(value)) if name == "Subject" else super().header_store_parse(name, value)

    def fold(self, name: str, value: Any) -> str:
        return f"{name}: {_written(name, value)}{self.linesep}"

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self.fold(name, value).encode("ascii")


_POLICY = _Policy(linesep="\r\n")


def build_message(
    sender: str,
    to: str,
    subject: str,
    text: str,
    message_id: str,
    date: datetime,
    *,
    reply_to: str | None = None,
    refers_to: Sequence[str] = (),
) -> EmailMessage:
    """A plain text mail in UTF-8, the subject exactly as given but on one line. Raises UnusableMail.

    ``message_id`` is with or without its angle brackets; the same one marks a repeat of the same mail. ``refers_to``
    are those of the mails that it belongs to, the first of them first. ``sender`` and ``reply_to`` may have a name,
    ``Name <a@b>``.
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = _header("from", sender, named=True)
    message["To"] = _header("to", to)
    if reply_to:
        message["Reply-To"] = _header("reply-to", reply_to, named=True)
    message["Subject"] = sendable_line(subject)
    message["Date"] = format_datetime(date)
    message["Message-ID"] = _identifier(message_id)
    if refers_to:
        # RFC 5322 §3.6.4: readers' programs show them as one conversation.
        earlier = [_identifier(one) for one in refers_to]
        message["In-Reply-To"] = earlier[-1]
        message["References"] = " ".join(earlier)
    # Keeps holiday notices and other robots from answering (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(sendable(text), charset="utf-8", cte="base64")
    return message


def parse_address(name: str, given: str, *, named: bool = False) -> MailAddress:
    """The one address in ``given``, its domain in ASCII. Raises UnusableMail that names the field."""
    try:
        return mail_address(given, named=named)
    except UnusableAddress as error:
        raise UnusableMail(f"{name}: {error}") from None


def envelope(message: EmailMessage) -> Mapping[str, str]:
    """The addresses that the dialogue with the server names: ``From`` and ``To``."""
    return {name: message[name].addresses[0].addr_spec for name in ("From", "To")}


def _header(field: str, given: str, *, named: bool = False) -> Address:
    found = parse_address(field, given, named=named)
    return Address(sendable_line(found.name), found.local, found.domain)


def _identifier(given: str) -> str:
    identifier = given.strip().removeprefix("<").removesuffix(">")
    if not identifier.isascii() or "@" not in identifier or any(char in identifier for char in " <>\r\n\0"):
        raise UnusableMail("message id: expected unique@domain")
    return f"<{identifier}>"


def _written(name: str, value: Any) -> str:
    begun = len(name) + 2
    if name in ("From", "To", "Reply-To"):
        (address,) = value.addresses
        return mailbox(address.display_name, address.addr_spec, begun)
    return unstructured(str(value), begun) if name == "Subject" else str(value)
