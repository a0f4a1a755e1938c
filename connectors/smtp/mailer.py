"""The plugin's own mail over SMTP: each mail ends as accepted by the server, as surely not sent, or as unknown."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import get_args

from connectors.base import Check, Done, NotDone, Outcome
from connectors.smtp.dialogue import Dialogue, MailServer, Security
from connectors.smtp.message import UnusableMail, build_message, parse_address
from connectors.smtp.replies import outcome_of
from connectors.smtp.trial import try_dialogue


class Mailer:
    """One mail server. Thread-safe: every mail has a connection of its own.

    No single step waits longer than ``timeout_seconds``, the whole mail no longer than ``total_seconds``. ``sender``
    and ``reply_to`` may have a name, ``Name <a@b>``. Raises ValueError for settings that no mail could be sent by.
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
        ehlo_name: str | None = None,
        reply_to: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if security not in get_args(Security):
            raise ValueError(f"security is {security!r}; expected none, starttls or tls")
        self._sender = sender
        self._reply_to = reply_to
        self._sender_address = parse_address("from", sender, named=True).spec
        if reply_to is not None:
            parse_address("reply-to", reply_to, named=True)
        self.total_seconds = 3 * timeout_seconds
        login = (user, password or "") if user else None
        self._server = MailServer(host, port, security, login, timeout_seconds, self.total_seconds, ca_file, ehlo_name)
        self._now = now

    def __repr__(self) -> str:
        return f"Mailer({self._server.host}:{self._server.port}, {self._server.security})"

    def send(self, to: str, subject: str, text: str, message_id: str, refers_to: Sequence[str] = ()) -> Outcome:
        """Hand one mail to the server. Done carries the Message-ID; never raises for what the server does.

        ``refers_to``: the Message-IDs of the mails that it belongs to, the first of them first (RFC 5322, 3.6.4).
        """
        try:
            message = build_message(
                self._sender,
                to,
                subject,
                text,
                message_id,
                self._now(),
                reply_to=self._reply_to,
                refers_to=refers_to,
            )
        except UnusableMail as error:
            return NotDone(f"the mail cannot be written: {error}", permanent=True)
        dialogue = Dialogue(self._server)
        try:
            with dialogue:
                dialogue.hand_over(message)
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            return outcome_of(error, dialogue.step, dialogue.sent)
        return Done(str(message["Message-ID"]))

    def check(self, recipients: Sequence[tuple[str, str]] = ()) -> Sequence[Check]:
        """Try the whole dialogue up to the text, without sending a mail. Never raises.

        ``recipients`` are each a name to show and an address. What comes after a step that is refused is not tried.
        """
        usable, points = list[tuple[str, str]](), list[Check]()
        for name, given in recipients:
            try:
                usable.append((name, parse_address("to", given).spec))
            except UnusableMail as error:
                points.append(Check(f"mail to {name} can be written", ok=False, remedy=f"Correct the address: {error}"))
        return [*try_dialogue(self._server, self._sender_address, usable), *points]
