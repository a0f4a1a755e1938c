"""Connections that keep a time limit for a whole HTTP exchange and know whether a request has left the machine.

A read time-out alone starts anew with every byte, so a server that drips its answer could hold a delivery for ever.
"""

from __future__ import annotations

import enum
import http.client
import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import IO, Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Stage(enum.Enum):
    """How far an exchange got. ``SENT``: at least one byte of the request may have left."""

    NOT_BEGUN = "not begun"
    CONNECTING = "connecting"
    SENT = "sent"


@dataclass(slots=True)
class Exchange:
    """One request and its answer; ``deadline`` is on the monotonic clock, in seconds."""

    deadline: float
    stage: Stage = Stage.NOT_BEGUN

    def bounded(self, seconds: float | None) -> float:
        """A socket time-out that does not outlive the exchange. Raises TimeoutError once that is over."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for the whole exchange is over")
        return left if seconds is None else min(seconds, left)


_current: ContextVar[Exchange | None] = ContextVar("connectors_exchange", default=None)


@contextmanager
def exchange(total_seconds: float) -> Iterator[Exchange]:
    """Bound everything that bounded connections do in this thread until the block ends."""
    this = Exchange(time.monotonic() + total_seconds)
    token = _current.set(this)
    try:
        yield this
    finally:
        _current.reset(token)


class _BoundedReader(io.RawIOBase):
    """The receiving side of a socket; each read waits no longer than the exchange has left."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._seconds = sock.gettimeout()
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        this = _current.get()
        if this is not None:
            self._sock.settimeout(this.bounded(self._seconds))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _BoundedSocket:
    """All that ``http.client.HTTPResponse`` asks of a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> IO[bytes]:
        return io.BufferedReader(_BoundedReader(self._sock))


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(_BoundedSocket(sock), *args, **kwargs)  # type: ignore[arg-type]


class BoundedHTTPConnection(HTTPConnection):
    """A connection that reports its stage to the current exchange."""

    response_class = _BoundedResponse

    def connect(self) -> None:
        this = _current.get()
        if this is not None:
            this.stage = Stage.CONNECTING
        super().connect()

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        this = _current.get()
        if this is not None:
            # A kept-alive socket still has the time-out of the exchange before.
            self.sock.settimeout(this.bounded(self.timeout))
            this.stage = Stage.SENT
        super().send(data)


class BoundedHTTPSConnection(BoundedHTTPConnection, HTTPSConnection):
    """The same over TLS; a failed handshake or certificate is a request never sent."""


class BoundedHTTPPool(HTTPConnectionPool):
    """A pool of bounded connections."""

    ConnectionCls = BoundedHTTPConnection


class BoundedHTTPSPool(HTTPSConnectionPool):
    """A pool of bounded connections over TLS."""

    ConnectionCls = BoundedHTTPSConnection
