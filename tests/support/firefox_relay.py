"""Runs Firefox and relays its WebDriver BiDi, for Playwright: ``python firefox_relay.py FIREFOX ARGUMENT...``.

Playwright ends where Firefox does not know a command that only pretends something of the device (the colours asked
for, say). Such a refusal is turned into a plain success; all else passes as it is.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from contextlib import suppress

_LISTENS = re.compile(rb"(WebDriver BiDi listening on ws://[^:]+:)(\d+)")
_TEXT_AT_ONCE = 0x81


class _Reader:
    """Reads a socket by exact lengths. Raises OSError at its end."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._kept = b""

    def exactly(self, count: int) -> bytes:
        while len(self._kept) < count:
            self._fill()
        read, self._kept = self._kept[:count], self._kept[count:]
        return read

    def until(self, mark: bytes) -> bytes:
        while mark not in self._kept:
            self._fill()
        return self.exactly(self._kept.index(mark) + len(mark))

    def _fill(self) -> None:
        more = self._end.recv(65536)
        if not more:
            raise OSError("closed")
        self._kept += more


def _frame(reader: _Reader) -> tuple[int, bytes]:
    """A frame of a server, which masks none: its first byte and what it holds (RFC 6455, 5.2)."""
    first, length = reader.exactly(2)
    if length == 126:
        length = int.from_bytes(reader.exactly(2), "big")
    elif length == 127:
        length = int.from_bytes(reader.exactly(8), "big")
    return first, reader.exactly(length)


def _framed(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


def _mended(payload: bytes) -> bytes:
    if b'"unknown command"' not in payload[:200]:
        return payload
    answer = json.loads(payload)
    if answer.get("type") != "error" or not answer["message"].startswith("emulation."):
        return payload
    return json.dumps({"type": "success", "id": answer["id"], "result": {}}).encode()


def _answers(far: socket.socket, near: socket.socket) -> None:
    """What Firefox says, to Playwright."""
    reader = _Reader(far)
    with suppress(OSError):
        near.sendall(reader.until(b"\r\n\r\n"))
        while True:
            first, payload = _frame(reader)
            near.sendall(_framed(first, _mended(payload) if first == _TEXT_AT_ONCE else payload))
    _close(near)


def _commands(near: socket.socket, far: socket.socket, port: int) -> None:
    """What Playwright says, to Firefox, which asks to be called by its own port."""
    reader = _Reader(near)
    with suppress(OSError):
        head = reader.until(b"\r\n\r\n")
        far.sendall(re.sub(rb"(?im)^(host: [^:\r]+:)\d+", rb"\g<1>%d" % port, head))
        far.sendall(reader.exactly(len(reader._kept)))
        while data := near.recv(65536):
            far.sendall(data)
    _close(far)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, port: int) -> None:
    while True:
        near, _ = listener.accept()
        far = socket.create_connection(("127.0.0.1", port))
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_answers, args=(far, near), daemon=True).start()
        threading.Thread(target=_commands, args=(near, far, port), daemon=True).start()


def main(command: list[str]) -> int:
    """Firefox's exit code."""
    listener = socket.create_server(("127.0.0.1", 0))
    firefox = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert firefox.stderr is not None
    for line in firefox.stderr:
        found = _LISTENS.search(line)
        if found:
            threading.Thread(target=_accept, args=(listener, int(found[2])), daemon=True).start()
        sys.stderr.buffer.write(_LISTENS.sub(rb"\g<1>%d" % listener.getsockname()[1], line))
        sys.stderr.buffer.flush()
    return firefox.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
