"""The dialogue with a mail server, step by step, so that it is known how far a mail got when one of them breaks."""

from __future__ import annotations

import enum
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Literal, Self

Security = Literal["none", "starttls", "tls"]


class Step(enum.StrEnum):
    """The steps that ``Mailer.check`` reports, in their order."""

    ANSWERS = "the mail server answers"
    ENCRYPTED = "the connection is encrypted"
    LOGGED_IN = "the log-in is accepted"
    SENDER = "the sender is accepted"


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server and how to speak to it. ``login`` is user and password; ``ca_file`` trusts a private authority."""

    host: str
    port: int
    security: Security
    login: tuple[str, str] | None = field(repr=False)
    step_seconds: float
    total_seconds: float
    ca_file: str | None

    @property
    def steps(self) -> list[Step]:
        """The steps that a dialogue with this server takes."""
        left_out = set() if self.login else {Step.LOGGED_IN}
        left_out |= {Step.ENCRYPTED} if self.security == "none" else set()
        return [step for step in Step if step not in left_out]


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
            self._bound()
            self._smtp.ehlo_or_helo_if_needed()
            if self._server.security == "starttls":
                self.step = Step.ENCRYPTED
                self._bound()
                self._smtp.starttls(context=context)
            if self._server.login:
                self.step = Step.LOGGED_IN
                self._bound()
                self._smtp.login(*self._server.login)
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
        sender, to = (message[name].addresses[0].addr_spec for name in ("From", "To"))
        self._expect(250, lambda: self._smtp.mail(sender))
        self._expect(250, lambda: self._smtp.rcpt(to))
        self._expect(354, lambda: self._smtp.docmd("DATA"))
        text = message.as_bytes().replace(b"\r\n.", b"\r\n..")
        self._bound()
        self.sent = True
        self._smtp.send(text + b".\r\n")
        self._expect(250, self._smtp.getreply)

    def try_sender(self, sender: str) -> None:
        """Begin a mail from this sender and give it up again."""
        self.step = Step.SENDER
        self._expect(250, lambda: self._smtp.mail(sender))
        self._expect(250, self._smtp.rset)

    def _connected(self, context: ssl.SSLContext | None) -> smtplib.SMTP:
        host, port, seconds = self._server.host, self._server.port, self._server.step_seconds
        # Not the library's own choice: its look-up of the machine's full name can hang on a broken DNS.
        name = socket.gethostname()
        own_name = name if "." in name and name.isascii() else "[127.0.0.1]"
        if self._server.security == "tls":
            return smtplib.SMTP_SSL(host, port, local_hostname=own_name, timeout=seconds, context=context)
        return smtplib.SMTP(host, port, local_hostname=own_name, timeout=seconds)

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
