"""A mail server that really takes mail, and now and then refuses one, drops one, or drops the line after taking one."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from random import Random
from typing import Any, Self

from aiosmtpd.controller import Controller

from tests.support.crm import free_port

#: Chance of each fault, for every mail that comes in.
_CHANCES = {"busy": 0.03, "drop_before": 0.03, "drop_after": 0.03}


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as its reader sees it."""

    sender: str
    to: str
    subject: str
    text: str


class MailSink:
    """The server, from ``with`` to its end. Mails are told apart by their Message-ID, as a reader's program does."""

    def __init__(self, random: Random) -> None:
        self.mails: dict[str, Mail] = {}
        self.faults: Counter[str] = Counter()
        self.received = 0
        self.faulty = True
        self._random = random
        self._lock = threading.Lock()
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop(no_assert=True)

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        fault = self._fault()
        if fault == "busy":
            return "451 busy, try again later"
        if fault != "drop_before":
            self._keep(envelope.mail_from, envelope.content)
        if fault is not None:
            server.transport.abort()
        return "250 OK"

    def _fault(self) -> str | None:
        with self._lock:
            draw = self._random.random()
            for kind, chance in _CHANCES.items() if self.faulty else ():
                if draw < chance:
                    self.faults[kind] += 1
                    return kind
                draw -= chance
            return None

    def _keep(self, sender: str, content: bytes) -> None:
        mail = message_from_bytes(content, policy=default)
        assert isinstance(mail, EmailMessage)
        text = str(mail.get_content()).replace("\r\n", "\n").rstrip("\n")
        with self._lock:
            self.received += 1
            self.mails[str(mail["Message-ID"])] = Mail(str(sender), str(mail["To"]), str(mail["Subject"]), text)
