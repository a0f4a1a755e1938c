"""The plugin's own mail over SMTP: each mail ends as accepted by the server, as surely not sent, or as unknown."""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, getaddresses
from typing import Literal

from connectors.base import Check, Done, NotDone, Outcome, Unknown
from connectors.http.answers import log_safe

Security = Literal["none", "starttls", "tls"]

# A folded Message-ID is read wrongly by some servers, so that repeats would not be recognised: the line limit of
# RFC 5322 instead of the customary 78.
_POLICY = SMTP_POLICY.clone(max_line_length=998)


#: The points of ``Mailer.check`` in their order, each with what to do where it does not hold.
_POINTS = {
    "the mail server answers": "Correct [smtp] host and port, or start the server",
    "the connection is encrypted": "Correct [smtp] security or port, or the server's certificate",
    "the log-in is accepted": "Correct [smtp] user and password",
    "the sender is accepted": "Give [smtp] sender an address that this server lets the plugin use",
}


class UnusableMail(ValueError):
    """A header that no mail can carry; the message names the field, never its content."""


def build_message(sender: str, to: str, subject: str, text: str, message_id: str, date: datetime) -> EmailMessage:
    """A plain text mail in UTF-8, the subject exactly as given. Raises UnusableMail.

    ``message_id`` is with or without its angle brackets; the same one marks a repeat of the same mail.
    """
    for name, value in (("from", sender), ("to", to), ("subject", subject), ("message id", message_id)):
        if any(char in value for char in "\r\n\0"):
            raise UnusableMail(f"{name}: holds a line end")
    identifier = message_id.strip().removeprefix("<").removesuffix(">")
    if not identifier.isascii() or "@" not in identifier or any(char in identifier for char in " <>"):
        raise UnusableMail("message id: expected unique@domain")
    message = EmailMessage(policy=_POLICY)
    message["From"] = _address("from", sender)
    message["To"] = _address("to", to)
    message["Subject"] = subject
    message["Date"] = format_datetime(date)
    message["Message-ID"] = f"<{identifier}>"
    # Keeps holiday notices and other robots from answering (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    try:
        message.set_content(text, charset="utf-8", cte="base64")
    except ValueError:
        raise UnusableMail("text: holds a character that is none") from None
    return message


def _address(name: str, given: str) -> Address:
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


class Mailer:
    """One mail server. Thread-safe: every mail has a connection of its own.

    No single step waits longer than ``timeout_seconds``, the whole mail no longer than ``total_seconds``.
    """

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        security: Security = "none",
        user: str | None = None,
        password: str | None = None,
        timeout_seconds: float = 20.0,
        *,
        ca_file: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if security not in ("none", "starttls", "tls"):
            raise ValueError(f"security is {security!r}; expected none, starttls or tls")
        _address("from", sender)
        self._server = (host, port)
        self._sender = sender
        self._security = security
        self._login = (user, password or "") if user else None
        self._timeout = timeout_seconds
        self.total_seconds = 3 * timeout_seconds
        self._ca_file = ca_file
        self._now = now

    def __repr__(self) -> str:
        return f"Mailer({self._server[0]}:{self._server[1]}, {self._security})"

    def send(self, to: str, subject: str, text: str, message_id: str) -> Outcome:
        """Hand one mail to the server. Done carries the Message-ID; never raises for what the server does."""
        try:
            message = build_message(self._sender, to, subject, text, message_id, self._now())
        except UnusableMail as error:
            return NotDone(f"the mail cannot be written: {error}", permanent=True)
        delivery = _Delivery(time.monotonic() + self.total_seconds, self._timeout)
        try:
            with self._connected(delivery) as server:
                delivery.hand_over(server, message)
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            return _failed(error, delivery.sent)
        return Done(str(message["Message-ID"]))

    def check(self) -> Sequence[Check]:
        """Try the server without mailing anybody: reached, encrypted, log-in and sender accepted.

        What comes after a point that does not hold is not tried. Never raises.
        """
        delivery = _Delivery(time.monotonic() + self.total_seconds, self._timeout)
        points = [point for point in _POINTS if point not in self._pointless()]
        outcome: Outcome | None = None
        try:
            with self._connected(delivery) as server:
                delivery.at = "the sender is accepted"
                delivery.try_sender(server, str(_address("from", self._sender).addr_spec))
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            outcome = _failed(error, sent=False)
            if isinstance(error, ssl.SSLError):
                delivery.at = "the connection is encrypted"
        if outcome is None or isinstance(outcome, Done):
            return [Check(point, ok=True) for point in points]
        failed = points.index(delivery.at)
        remedy = f"{_POINTS[delivery.at]}: {outcome.why}"
        return [*(Check(point, ok=True) for point in points[:failed]), Check(delivery.at, ok=False, remedy=remedy)]

    def _pointless(self) -> set[str]:
        """The points that say nothing about this server."""
        without = set() if self._login else {"the log-in is accepted"}
        return without if self._security != "none" else {*without, "the connection is encrypted"}

    def _connected(self, delivery: _Delivery) -> _Connection:
        host, port = self._server
        context = ssl.create_default_context(cafile=self._ca_file) if self._security != "none" else None
        connection = _Connection(host, port, self._timeout, context if self._security == "tls" else None)
        try:
            server = connection.server
            delivery.bound(server)
            server.ehlo_or_helo_if_needed()
            if self._security == "starttls":
                delivery.at = "the connection is encrypted"
                delivery.bound(server)
                server.starttls(context=context)
            if self._login:
                delivery.at = "the log-in is accepted"
                delivery.bound(server)
                server.login(*self._login)
        except BaseException:
            connection.server.close()
            raise
        return connection


class _Connection:
    """An open session that says goodbye when all went well and just closes when not."""

    def __init__(self, host: str, port: int, seconds: float, context: ssl.SSLContext | None) -> None:
        # Not the library's own choice: its look-up of the machine's full name can hang on a broken DNS.
        name = socket.gethostname()
        own_name = name if "." in name and name.isascii() else "[127.0.0.1]"
        if context is None:
            self.server = smtplib.SMTP(host, port, local_hostname=own_name, timeout=seconds)
        else:
            self.server = smtplib.SMTP_SSL(host, port, local_hostname=own_name, timeout=seconds, context=context)

    def __enter__(self) -> smtplib.SMTP:
        return self.server

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.server.quit()
        except (smtplib.SMTPException, OSError):
            # The mail is accepted already; a rude goodbye changes nothing.
            pass
        finally:
            self.server.close()


class _Delivery:
    """One mail's way: how much time is left and whether its text may have reached the server."""

    def __init__(self, deadline: float, step_seconds: float) -> None:
        self._deadline = deadline
        self._step_seconds = step_seconds
        self.sent = False
        #: The point of ``Mailer.check`` that it has come to.
        self.at = "the mail server answers"

    def bound(self, server: smtplib.SMTP) -> None:
        """Let the next step wait no longer than is left. Raises TimeoutError."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if server.sock is not None:
            server.sock.settimeout(min(left, self._step_seconds))

    def hand_over(self, server: smtplib.SMTP, message: EmailMessage) -> None:
        """The envelope, then the text, as single steps: the library's sendmail() does not tell where it broke."""
        sender, to = (message[name].addresses[0].addr_spec for name in ("From", "To"))
        self._step(server, 250, lambda: server.mail(sender))
        self._step(server, 250, lambda: server.rcpt(to))
        self._step(server, 354, lambda: server.docmd("DATA"))
        text = message.as_bytes().replace(b"\r\n.", b"\r\n..")
        self.bound(server)
        self.sent = True
        server.send(text + b".\r\n")
        self._step(server, 250, server.getreply)

    def try_sender(self, server: smtplib.SMTP, sender: str) -> None:
        """Begin a mail from this sender and give it up again."""
        self._step(server, 250, lambda: server.mail(sender))
        self._step(server, 250, server.rset)

    def _step(self, server: smtplib.SMTP, expected: int, step: Callable[[], tuple[int, bytes]]) -> None:
        self.bound(server)
        code, reply = step()
        # 251 and 252: accepted, to be forwarded or not verified.
        if code != expected and not (expected == 250 and code in (251, 252)):
            raise smtplib.SMTPResponseException(code, reply)


def _failed(error: Exception, sent: bool) -> Outcome:
    """What a mail that met this error came to; ``sent``: its text may have reached the server."""
    if isinstance(error, smtplib.SMTPResponseException):
        return _answered(error.smtp_code, error.smtp_error, sent)
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


def _answered(code: int, reply: bytes | str, sent: bool) -> Outcome:
    """What a reply other than the hoped-for one means; only 4xx and 5xx are a refusal for certain."""
    said = log_safe(reply.decode(errors="replace") if isinstance(reply, bytes) else reply)
    why = f"the mail server answered {code} ({said})"
    status = code if code > 0 else None
    if sent and not 400 <= code < 600:
        return Unknown(why, status=status)
    return NotDone(why, permanent=code >= 500, status=status)
