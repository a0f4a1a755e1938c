"""A real SMTP server on a loopback port that lays every mail down as a file and remembers it."""

from __future__ import annotations

import socket
import threading
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mailbox:
    """The demo's mail server. Mails are told apart by their Message-ID, as a reader's program would."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._mails: dict[str, EmailMessage] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port())

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._controller.port)

    def start(self) -> None:
        """Listen."""
        self._controller.start()

    def stop(self) -> None:
        """Stop listening."""
        self._controller.stop(no_assert=True)

    def about(self, phone: str) -> list[tuple[str, str]]:
        """(recipient, subject) of the mails in whose text this number stands."""
        with self._lock:
            mails = list(self._mails.values())
        return [(str(mail["To"]), str(mail["Subject"])) for mail in mails if phone in str(mail.get_content())]

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        with self._lock:
            self._mails[str(mail["Message-ID"])] = mail
            (self._folder / f"{len(self._mails):03}.eml").write_bytes(envelope.content)
        return "250 OK"
