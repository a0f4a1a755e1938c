"""The dialogue with a mail server, step by step, so that it is known how far a mail got when one of them breaks."""

from __future__ import annotations

import enum
import smtplib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Literal, Self

from connectors.smtp.ehlo_name import own_greeting_name
from connectors.smtp.message import envelope

Security = Literal["none", "starttls", "tls"]


class Step(enum.IntEnum):
    """The steps of a dialogue in their order. Up to ``SENDER`` nothing in them is about one mail."""

    ANSWERS = 1
    GREETED = 2
    ENCRYPTED = 3
    GREETED_AGAIN = 4
    LOGGED_IN = 5
    SENDER = 6
    RECIPIENT = 7
    TEXT = 8
    GIVEN_UP = 9

    @property
    def command(self) -> str:
        """What is sent in it, as it stands in a server's log."""
        return _COMMANDS[self]


_NO_SUCH_COMMAND = frozenset({500, 502, 504})
_COMMANDS = {
    Step.ANSWERS: "the connection",
    Step.GREETED: "EHLO",
    Step.ENCRYPTED: "STARTTLS",
    Step.GREETED_AGAIN: "EHLO after STARTTLS",
    Step.LOGGED_IN: "AUTH",
    Step.SENDER: "MAIL FROM",
    Step.RECIPIENT: "RCPT TO",
    Step.TEXT: "DATA",
    Step.GIVEN_UP: "RSET",
}


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server and how to speak to it. ``login`` is user and password; ``ca_file`` trusts a private authority.

    ``ehlo_name`` is what it is greeted by; None: this machine's full name, or the connection's own address.
    """

    host: str
    port: int
    security: Security
    login: tuple[str, str] | None = field(repr=False)
    step_seconds: float
    total_seconds: float
    ca_file: str | None = None
    ehlo_name: str | None = None

    @property
    def steps(self) -> list[Step]:
        """The steps that a dialogue with this server takes before a mail is begun."""
        left_out = set() if self.login else {Step.LOGGED_IN}
        left_out |= {Step.ENCRYPTED} if self.security == "none" else set()
        left_out |= {Step.GREETED_AGAIN} if self.security != "starttls" else set()
        in_order = [step for step in Step if step < Step.SENDER and step not in left_out]
        if self.security == "tls":
            # Encrypted from the first byte on, it is greeted only then.
            in_order.remove(Step.ENCRYPTED)
            in_order.insert(1, Step.ENCRYPTED)
        return in_order


class Dialogue:
    """One session, from ``with`` to its end; it raises SMTPException, OSError and UnicodeError.

    ``step`` is what it has come to; ``sent`` says whether the text of a mail may have reached the server.
    """

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._deadline = time.monotonic() + server.total_seconds
        self.step = Step.ANSWERS
        self.sent = False

    def __enter__(self) -> Self:
        context = ssl.create_default_context(cafile=self._server.ca_file) if self._server.security != "none" else None
        self._smtp = self._connected(context)
        try:
            self._begin(context)
        except BaseException:
            self._smtp.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._smtp.quit()
        except (smtplib.SMTPException, OSError):
            # The mail is accepted already; a rude goodbye changes nothing.
            pass
        finally:
            self._smtp.close()

    def hand_over(self, message: EmailMessage) -> None:
        """The envelope, then the text, as single steps: the library's sendmail() hides where it broke."""
        addresses = envelope(message)
        self.name_sender(addresses["From"])
        self.name_recipient(addresses["To"])
        self.step = Step.TEXT
        self._expect(354, lambda: self._smtp.docmd("DATA"))
        text = message.as_bytes().replace(b"\r\n.", b"\r\n..")
        self._bound()
        self.sent = True
        self._smtp.send(text + b".\r\n")
        self._expect(250, self._smtp.getreply)

    def name_sender(self, address: str) -> None:
        """Begin a mail from this address."""
        self.step = Step.SENDER
        self._expect(250, lambda: self._smtp.mail(address))

    def name_recipient(self, address: str) -> None:
        """Address it to somebody; another refused recipient does not end it."""
        self.step = Step.RECIPIENT
        self._expect(250, lambda: self._smtp.rcpt(address))

    def give_up(self) -> None:
        """Give the mail that was begun up again."""
        self.step = Step.GIVEN_UP
        self._expect(250, self._smtp.rset)

    def _begin(self, context: ssl.SSLContext | None) -> None:
        if self._smtp.sock is not None:
            self._smtp.local_hostname = self._server.ehlo_name or own_greeting_name(self._smtp.sock)
        self.step = Step.GREETED
        self._greet()
        if self._server.security == "starttls":
            self.step = Step.ENCRYPTED
            self._bound()
            self._smtp.starttls(context=context)
            # RFC 3207 §4.2: all that was said before is forgotten, the greeting too; log-in or not.
            self.step = Step.GREETED_AGAIN
            self._greet()
        if self._server.login:
            self.step = Step.LOGGED_IN
            self._bound()
            self._smtp.login(*self._server.login)

    def _greet(self) -> None:
        """EHLO, or HELO for a server without it (RFC 5321 §3.2); of a refusal the answer to EHLO is told."""
        self._bound()
        code, text = self._smtp.ehlo()
        if 200 <= code < 300:
            return
        refused = smtplib.SMTPHeloError(code, text)
        if code not in _NO_SUCH_COMMAND:
            raise refused
        self._bound()
        try:
            code, _ = self._smtp.helo()
        except (smtplib.SMTPException, OSError):
            raise refused from None
        if not 200 <= code < 300:
            raise refused

    def _connected(self, context: ssl.SSLContext | None) -> smtplib.SMTP:
        host, port, seconds = self._server.host, self._server.port, self._server.step_seconds
        # The name is set once the connection is there. The library's own choice can hang on a broken DNS.
        if self._server.security == "tls":
            return smtplib.SMTP_SSL(host, port, local_hostname="localhost", timeout=seconds, context=context)
        return smtplib.SMTP(host, port, local_hostname="localhost", timeout=seconds)

    def _bound(self) -> None:
        """Let the next command wait no longer than is left. Raises TimeoutError."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(min(left, self._server.step_seconds))

    def _expect(self, code: int, command: Callable[[], tuple[int, bytes]]) -> None:
        self._bound()
        replied, text = command()
        # 251 and 252: accepted, to be forwarded or not verified.
        if replied != code and not (code == 250 and replied in (251, 252)):
            raise smtplib.SMTPResponseException(replied, text)
