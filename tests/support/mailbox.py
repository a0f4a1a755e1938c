"""A real SMTP server on a loopback port that takes every mail in, and knows repeats by their Message-ID."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller

from tests.support.processes import free_port


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as its reader sees it."""

    sender: str
    to: str
    subject: str
    text: str


class Mailbox:
    """The server, from ``with`` to its end. ``mails`` are by Message-ID; ``folder`` gets each as a file besides."""

    def __init__(self, folder: Path | None = None) -> None:
        self.mails: dict[str, Mail] = {}
        self.received = 0
        self.port = free_port()
        self._folder = folder
        self._lock = threading.Lock()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    def __enter__(self) -> Self:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop(no_assert=True)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        self.keep(envelope)
        return "250 OK"

    def keep(self, envelope: Any) -> None:
        """Take this mail in."""
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        text = str(mail.get_content()).replace("\r\n", "\n").rstrip("\n")
        with self._lock:
            self.received += 1
            kept = Mail(str(envelope.mail_from), str(mail["To"]), str(mail["Subject"]), text)
            self.mails[str(mail["Message-ID"])] = kept
            if self._folder is not None:
                (self._folder / f"{len(self.mails):03}.eml").write_bytes(envelope.content)
