"""A connection of the web server: one request at a time, and a limit for every wait for the peer.

No thread of the application ever waits for a peer: an answer is kept whole, beyond a megabyte in a file, and sent as
the peer takes it.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Literal

import structlog
from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask

from plugin.web.errors import error_body
from plugin.web.headers import SECURITY_HEADERS
from plugin.web.limits import BodyLimits
from plugin.web.request_parser import BoundedParser

_LOG = structlog.get_logger(__name__)

#: From the first byte of a request to the end of its header, and from there to the end of its body; seconds.
HEADER_SECONDS = 10.0
BODY_SECONDS = 30.0
#: Without any byte, after the connection was made or its last request answered.
IDLE_SECONDS = 120.0
#: A peer that takes no byte of its answer for so long, or in all fewer than so many bytes a second.
STALLED_SECONDS = 15.0
_SLOWEST_READER = 4096
#: While stopping: without any byte; for the rest of a request; for a peer that takes nothing of its answer.
_QUIET, _REST, _UNREAD = 0.3, 3.0, 1.0
#: Reads of 64 KiB before a connection is closed.
_LEFTOVERS = 64
#: Closing is at once, whatever lies in the system's buffers.
_RESET = struct.pack("ii", 1, 0)
#: What the application is told of a request's wait for a thread, in seconds.
WAITED = "optout.waited"


class Connection(HTTPChannel):  # type: ignore[misc]
    """waitress's connection with these limits. Its classes of parser and tasks are set by ``connection_class``."""

    def __init__(self, server: Any, sock: Any, addr: Any, adj: Any, map: Any = None) -> None:
        self._phase: Literal["idle", "header", "body"] = "idle"
        self._since = self._read_at = self._sent_at = self._answering_since = time.monotonic()
        self._answer = 0
        self._unparsed = b""
        self.request: Any = None
        self.sent_continue = False
        super().__init__(server, sock, addr, adj, map=map)

    # --- reading: in the server's own thread ------------------------------------------------------

    def readable(self) -> bool:
        """Whether more is to be read: not before the request at hand is answered and its answer is sent."""
        if not self.connected or self.will_close or self.close_when_flushed:
            return False
        if self.requests or self.total_outbufs_len:
            return False
        if self._unparsed:
            self.received(b"")
        return not self.requests

    def received(self, data: bytes) -> bool:
        """Take in what came; what follows a whole request waits until that one is answered."""
        with self.requests_lock:
            if self.will_close or self.close_when_flushed:
                return False
            self._read_at = time.monotonic()
            self._unparsed += data
            while self._unparsed and not self.requests:
                if self.request is None:
                    self.request = self.parser_class(self.adj)
                taken = self.request.received(self._unparsed)
                self._unparsed = self._unparsed[taken:]
                self._proceed(self.request)
        return True

    def _proceed(self, request: Any) -> None:
        """Go on by what the parser has come to, as waitress does."""
        self._enter("body" if request.headers_finished and not request.empty else "header")
        if request.expect_continue and request.headers_finished and not request.completed and not self.sent_continue:
            self.send_continue()
        if not request.completed:
            return
        self.sent_continue = False
        self.request = None
        if not request.empty:
            self._enter("idle")
            request.queued_at = time.monotonic()
            self.requests.append(request)
            self.server.add_task(self)

    def _enter(self, phase: Literal["idle", "header", "body"]) -> None:
        if phase != self._phase:
            self._phase, self._since = phase, time.monotonic()

    # --- answering: in the application's threads ---------------------------------------------------

    def write_soon(self, data: Any) -> int:
        """Keep a part of the answer to be sent."""
        if not self.total_outbufs_len:
            self._answer = 0
            self._answering_since = self._sent_at = time.monotonic()
        written: int = super().write_soon(data)
        self._answer += written
        return written

    def _flush_some(self, do_close: bool = True) -> bool:
        sent: bool = super()._flush_some(do_close=do_close)
        if sent:
            self._sent_at = time.monotonic()
        return sent

    def _flush_outbufs_below_high_watermark(self) -> None:
        """waitress has the application wait here until the peer has read; ours never does."""

    # --- ending -------------------------------------------------------------------------------------

    @property
    def standing_since(self) -> float | None:
        """Since when it has waited for its peer; None while the application has a request of it."""
        if self.requests:
            return None
        if self.total_outbufs_len:
            return self._answering_since
        return self._last_used() if self._phase == "idle" else self._since

    def close_if_overdue(self, now: float) -> None:
        """Close it if its peer has used up its time; a half request is answered 408."""
        if self.requests:
            return
        if self.total_outbufs_len:
            longest = STALLED_SECONDS + self._answer / _SLOWEST_READER
            if now - self._sent_at > STALLED_SECONDS or now - self._answering_since > longest:
                self.handle_close()
        elif self._phase == "idle":
            if now - self._last_used() > IDLE_SECONDS:
                self.handle_close()
        elif now - self._since > (HEADER_SECONDS if self._phase == "header" else BODY_SECONDS):
            with suppress(OSError):
                self.socket.send(_TIMED_OUT)
            self.handle_close()

    def close_if_quiet(self, now: float, stopped_at: float) -> None:
        """While the server stops: close it if nothing is to be expected from it any more."""
        # In this order: a request leaves ``requests`` only after its answer is in the buffer.
        if self.requests:
            return
        if self.total_outbufs_len:
            is_over = now - max(self._sent_at, stopped_at) > _UNREAD
        elif self._phase == "idle":
            is_over = now - self._last_used() > _QUIET
        else:
            is_over = now - stopped_at > _REST
        if is_over:
            self.handle_close()

    def handle_close(self) -> None:
        """Close it; reading what has come before, since closing over unread data loses the answer on its way.

        What a peer has not taken is thrown away, also by the system, which would keep megabytes for it.
        """
        if self.socket is not None:
            _read_leftovers(self.socket)
            if self.total_outbufs_len:
                with suppress(OSError):
                    self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        super().handle_close()

    def handle_error(self) -> None:
        """Whatever went wrong here ends this connection, and no other."""
        _LOG.error("web.connection_failed", exc_info=True)
        self.handle_close()

    def _last_used(self) -> float:
        return max(self._read_at, self._sent_at)


def connection_class(
    body_limits: BodyLimits, too_large: Callable[[str], None], stop: threading.Event, path: str = ""
) -> type[Any]:
    """Connections of one server: with its limits, our errors, and answers that end the connection once it stops.

    ``path`` is what its addresses begin with for those that ask through a reverse proxy.
    """

    class Parser(BoundedParser):
        limits = body_limits
        below = path

    class Answering(WSGITask):  # type: ignore[misc]
        """Tells a client that keeps its connection to come back on a new one."""

        def get_environment(self) -> dict[str, Any]:
            environ: dict[str, Any] = super().get_environment()
            environ["SCRIPT_NAME"] = path
            environ[WAITED] = time.monotonic() - self.request.queued_at
            return environ

        def build_response_header(self) -> bytes:
            if stop.is_set():
                self.set_close_on_finish()
            header: bytes = super().build_response_header()
            return header

    class Refusing(_JsonErrorTask):
        """Tells of a body that was too large."""

        def execute(self) -> None:
            super().execute()
            if self.request.error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                too_large(self.request.path)

    class Channel(Connection):
        parser_class = Parser
        task_class = Answering
        error_task_class = Refusing

    return Channel


def _json_error(status: int) -> bytes:
    return json.dumps(error_body(status), separators=(",", ":")).encode()


_TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/json\r\n" + (
    f"Content-Length: {len(_json_error(408))}\r\n".encode()
    + "".join(f"{name}: {value}\r\n" for name, value in SECURITY_HEADERS.items()).encode()
    + b"\r\n"
    + _json_error(408)
)


class _JsonErrorTask(ErrorTask):  # type: ignore[misc]
    """What the server refuses before the application sees it, in the application's shape."""

    def execute(self) -> None:
        error = self.request.error
        body = _json_error(error.code)
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend([("Content-Type", "application/json"), *SECURITY_HEADERS.items()])
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


def _read_leftovers(connection: socket.socket) -> None:
    with suppress(OSError):
        for _ in range(_LEFTOVERS):
            if not connection.recv(65536):
                break
