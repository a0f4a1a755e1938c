"""A wire between the browser and the page that can be cut: before a request arrives, or before its answer does."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

State = Literal["whole", "cut", "deaf"]


class Wire:
    """A TCP proxy. ``cut``: nothing gets through; ``deaf``: requests arrive, and no answer comes back."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.state: State = "whole"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._stopped = False
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def become(self, state: State) -> None:
        """Change, at once: what is open is broken off."""
        self.state = state
        for end in list(self._open):
            _close(end)

    def close(self) -> None:
        """End it."""
        self._stopped = True
        self.become("cut")
        with suppress(OSError):
            # Closing alone does not wake up a thread that accepts.
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        self._listener.close()
        self._thread.join(10)

    @property
    def _is_cut(self) -> bool:
        return self._stopped or self.state == "cut"

    def _accept(self) -> None:
        while not self._stopped:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut:
                _close(near)
                continue
            far = socket.create_connection(("127.0.0.1", self._to), 10)
            self._open |= {near, far}
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError, ValueError):
            while True:
                ready, _, _ = select.select([near, far], [], [])
                for end in ready:
                    data = end.recv(65536)
                    if not data:
                        return
                    if end is far and self.state == "deaf":
                        return
                    (far if end is near else near).sendall(data)
        for end in (near, far):
            self._open.discard(end)
            _close(end)


@contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    """A wire for the length of the block."""
    wire = Wire(port)
    try:
        yield wire
    finally:
        wire.close()


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        end.close()
