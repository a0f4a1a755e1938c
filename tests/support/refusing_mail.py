"""A real SMTP server that answers each step of the dialogue as a test says, and holds clients to its order."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from tests.support.rawserver import server_context

#: Answers one command, given by its name, its argument (of TEXT the text) and the number of the connection, by a reply;
#: None for the usual one.
Answer = Callable[[str, str, int], str | None]
#: What the text of a mail is called among the commands.
TEXT = "TEXT"
STEPS = ("CONNECT", "EHLO", "STARTTLS", "EHLO again", "AUTH", "MAIL", "RCPT", "DATA", TEXT)


@dataclass
class RefusingServer:
    """The running server. ``accepted`` are the texts of mails, ``said`` all commands with their arguments."""

    port: int = 0
    accepted: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    connections: int = 0
    answer: Answer = lambda _name, _argument, _connection: None

    def refuse(self, step: str, reply: str) -> None:
        """Answer this step with this reply, every time, until another answer is set."""
        self.answer = lambda name, _argument, _connection: reply if name == step else None

    def refuse_nothing(self) -> None:
        """Accept everything again."""
        self.answer = lambda _name, _argument, _connection: None


@contextmanager
def refusing_server(*, tls: bool = False) -> Iterator[RefusingServer]:
    """Run it for the length of the block; ``tls`` offers STARTTLS."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RefusingServer(listener.getsockname()[1])
        threading.Thread(target=_accept, args=(listener, server, tls), daemon=True).start()
        try:
            yield server
        finally:
            # Closing alone does not wake a thread that waits in accept().
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, server: RefusingServer, tls: bool) -> None:
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        server.connections += 1
        session = _Session(sock, server, server.connections, tls)
        threading.Thread(target=session.run, daemon=True).start()


class _Session:
    def __init__(self, sock: socket.socket, server: RefusingServer, number: int, tls: bool) -> None:
        self._sock, self._server, self._number, self._offers_tls = sock, server, number, tls
        self._greeted = self._encrypted = False

    def run(self) -> None:
        try:
            self._converse()
        except OSError:
            pass
        finally:
            self._sock.close()

    def _converse(self) -> None:
        if self._reply("CONNECT", "", "220 mail.example ESMTP"):
            file = self._sock.makefile("rb")
            while line := file.readline():
                name, _, argument = line.decode().strip().partition(" ")
                self._server.said.append(f"{name.upper()} {argument}".strip())
                if not self._heard(name.upper(), argument, file):
                    return
                if name.upper() == "STARTTLS" and self._encrypted:
                    file = self._sock.makefile("rb")

    def _heard(self, name: str, argument: str, file: BinaryIO) -> bool:
        """Whether the dialogue goes on."""
        if name in ("EHLO", "HELO"):
            step = "EHLO again" if self._encrypted and name == "EHLO" else name
            offers = "250-mail.example\r\n" + ("" if not self._offers_tls or self._encrypted else "250-STARTTLS\r\n")
            self._greeted = self._reply(step, argument, f"{offers}250 AUTH PLAIN")
            return True
        if name == "QUIT":
            return self._reply(name, argument, "221 bye") and False
        if not self._greeted and name != "STARTTLS":
            return self._reply(name, argument, "503 5.5.1 send HELO first") or True
        if name == "STARTTLS":
            if self._reply(name, argument, "220 go on"):
                # What was said before counts no more (RFC 3207).
                self._greeted, self._encrypted = False, True
                self._sock = server_context().wrap_socket(self._sock, server_side=True)
            return True
        if name != "DATA":
            return self._reply(name, argument, "235 welcome" if name == "AUTH" else "250 OK") or True
        if self._reply(name, argument, "354 go on"):
            text = b""
            while not text.endswith(b"\r\n.\r\n"):
                text += file.readline()
            if self._reply(TEXT, text.decode(), "250 kept"):
                self._server.accepted.append(text.decode())
        return True

    def _reply(self, step: str, argument: str, usual: str) -> bool:
        """Whether it was accepted; 421 ends the connection."""
        reply = self._server.answer(step, argument, self._number) or usual
        self._sock.sendall(f"{reply}\r\n".encode())
        if reply.startswith("421") or (step == "CONNECT" and reply[0] != "2"):
            raise ConnectionAbortedError
        return reply[0] in "23"
