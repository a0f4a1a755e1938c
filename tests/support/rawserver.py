"""A server that answers with exactly the bytes, pauses and breaks that a test asks for."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

#: A self-signed certificate for localhost and 127.0.0.1, with its key.
CERTIFICATE = Path(__file__).with_name("localhost.pem")

#: Plays one connection after its request was read.
Play = Callable[[socket.socket], None]


@dataclass
class RawServer:
    """The running server and what reached it."""

    port: int
    scheme: str
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


def server_context() -> ssl.SSLContext:
    """TLS with the self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def answer(status: str, body: bytes = b"", *headers: str) -> Play:
    """A whole answer; the connection stays open for the next request."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return lambda sock: sock.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)


def send(*parts: bytes, pause: float = 0.0) -> Play:
    """These bytes one after the other, then the end of the connection."""

    def play(sock: socket.socket) -> None:
        for part in parts:
            sock.sendall(part)
            time.sleep(pause)
        sock.close()

    return play


def reset(sock: socket.socket) -> None:
    """Break the connection with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@contextmanager
def raw_server(*plays: Play, tls: bool = False) -> Iterator[RawServer]:
    """Run the server for the length of the block: the nth request gets the nth play, later ones the last."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RawServer(listener.getsockname()[1], "https" if tls else "http")
        context = server_context() if tls else None
        thread = threading.Thread(target=_accept, args=(listener, server, plays, context), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            # Closing alone does not wake a thread that waits in accept().
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def _accept(
    listener: socket.socket, server: RawServer, plays: tuple[Play, ...], context: ssl.SSLContext | None
) -> None:
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        server.connections += 1
        threading.Thread(target=_serve, args=(sock, server, plays, context), daemon=True).start()


def _serve(sock: socket.socket, server: RawServer, plays: tuple[Play, ...], context: ssl.SSLContext | None) -> None:
    # A client that hangs up in the middle is what many tests are about.
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        stack.callback(sock.close)
        sock.settimeout(10)
        if context is not None:
            sock = context.wrap_socket(sock, server_side=True)
            stack.callback(sock.close)
        while request := _request(sock):
            server.requests.append(request)
            plays[min(len(server.requests), len(plays)) - 1](sock)


def _request(sock: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        part = sock.recv(65_536)
        if not part:
            return b""
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < length:
        body += sock.recv(65_536)
    return head + b"\r\n\r\n" + body
