"""A real SMTP server on a free port that keeps what it is given and refuses on request."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True)
class Received:
    """One mail as the server got it."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed: ``message["Subject"]``, ``message.get_content()``."""
        parsed = message_from_bytes(self.content, policy=default_policy)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def text(self) -> str:
        """The text with plain line ends."""
        return str(self.message.get_content()).replace("\r\n", "\n")


@dataclass
class MailSink:
    """The running server. Answers put into ``rcpt_replies`` and ``data_replies`` are given once each, in order.

    A reply is a line such as ``550 no such user``; ``drop`` closes the connection instead (for data: the mail is kept
    first), ``drop-before`` closes it without keeping the mail.
    """

    host: str = "127.0.0.1"
    port: int = 0
    messages: list[Received] = field(default_factory=list)
    rcpt_replies: list[str] = field(default_factory=list)
    data_replies: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def address(self) -> str:
        """``HOST:PORT``."""
        return f"{self.host}:{self.port}"

    # --- called by the server --------------------------------------------------------------------

    async def handle_RCPT(  # noqa: N802 (the server looks the handler up by this name)
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        reply = self.rcpt_replies.pop(0) if self.rcpt_replies else "250 OK"
        if reply.startswith("drop"):
            _drop(server)
        elif reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        reply = self.data_replies.pop(0) if self.data_replies else "250 OK"
        if reply == "drop" or reply.startswith("2"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.messages.append(Received(str(envelope.mail_from), tuple(map(str, envelope.rcpt_tos)), content))
        if reply.startswith("drop"):
            _drop(server)
        return reply


def _drop(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()


@contextmanager
def mail_sink(*, user: str | None = None, password: str = "", tls_context: Any = None) -> Iterator[MailSink]:
    """Run the server for the length of the block. With ``user``, only who logs in may send."""
    sink = MailSink()
    loop = asyncio.new_event_loop()

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        known = isinstance(given, LoginPassword) and given == LoginPassword((user or "").encode(), password.encode())
        return AuthResult(success=known, handled=False)

    def session() -> SMTP:
        sink.connections += 1
        options: dict[str, Any] = {"hostname": "sink.example", "loop": loop, "enable_SMTPUTF8": False}
        if user is not None:
            options |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}
        if tls_context is not None:
            options |= {"tls_context": tls_context}
        with warnings.catch_warnings():
            # It warns of log-ins without encryption, which is what some tests are about.
            warnings.simplefilter("ignore")
            return SMTP(sink, **options)

    thread = threading.Thread(target=loop.run_forever, name="mail-sink", daemon=True)
    thread.start()
    # Not run in this thread, where a browser's loop may be running already.
    server = asyncio.run_coroutine_threadsafe(loop.create_server(session, sink.host, 0), loop).result(30)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
