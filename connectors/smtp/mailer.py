"""The plugin's own mail over SMTP: each mail ends as accepted by the server, as surely not sent, or as unknown."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import get_args

from connectors.base import Check, Done, NotDone, Outcome
from connectors.smtp.dialogue import Dialogue, MailServer, Security, Step
from connectors.smtp.message import UnusableMail, build_message, parse_address
from connectors.smtp.replies import outcome_of

#: What to do where a point of ``Mailer.check`` does not hold.
_REMEDIES = {
    Step.ANSWERS: "Correct [smtp] host and port, or start the server",
    Step.ENCRYPTED: "Correct [smtp] security or port, or the server's certificate",
    Step.LOGGED_IN: "Correct [smtp] user and password",
    Step.SENDER: "Give [smtp] sender an address that this server lets the plugin use",
}


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
        if security not in get_args(Security):
            raise ValueError(f"security is {security!r}; expected none, starttls or tls")
        self._sender = sender
        self._sender_address = str(parse_address("from", sender).addr_spec)
        self.total_seconds = 3 * timeout_seconds
        login = (user, password or "") if user else None
        self._server = MailServer(host, port, security, login, timeout_seconds, self.total_seconds, ca_file)
        self._now = now

    def __repr__(self) -> str:
        return f"Mailer({self._server.host}:{self._server.port}, {self._server.security})"

    def send(self, to: str, subject: str, text: str, message_id: str, refers_to: Sequence[str] = ()) -> Outcome:
        """Hand one mail to the server. Done carries the Message-ID; never raises for what the server does.

        ``refers_to``: the Message-IDs of the mails that it belongs to, the first of them first (RFC 5322, 3.6.4).
        """
        try:
            message = build_message(self._sender, to, subject, text, message_id, self._now(), refers_to)
        except UnusableMail as error:
            return NotDone(f"the mail cannot be written: {error}", permanent=True)
        dialogue = Dialogue(self._server)
        try:
            with dialogue:
                dialogue.hand_over(message)
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            return outcome_of(error, dialogue.sent)
        return Done(str(message["Message-ID"]))

    def check(self) -> Sequence[Check]:
        """Try the server without sending a mail: reached, encrypted, log-in and sender accepted.

        What comes after a point that does not hold is not tried. Never raises.
        """
        steps, dialogue = self._server.steps, Dialogue(self._server)
        try:
            with dialogue:
                dialogue.try_sender(self._sender_address)
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            failed = Step.ENCRYPTED if isinstance(error, ssl.SSLError) else dialogue.step
            remedy = f"{_REMEDIES[failed]}: {outcome_of(error, sent=False).why}"
            passed = [Check(step.value, ok=True) for step in steps[: steps.index(failed)]]
            return [*passed, Check(failed.value, ok=False, remedy=remedy)]
        return [Check(step.value, ok=True) for step in steps]
