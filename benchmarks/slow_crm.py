"""A CRM that does nothing but answer every write so many milliseconds later; run as a process of its own.

It stands in for a real one where the plugin's own share of the time is measured: it takes hardly any of the machine.
"""

from __future__ import annotations

import asyncio
import itertools
import sys

_IDS = itertools.count(1)


class _Answering(asyncio.Protocol):
    """One kept-alive connection: as soon as a request is whole its answer is due, ``latency`` seconds later."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._held = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            length = _content_length(self._held[:end])
            if len(self._held) < end + 4 + length:
                return
            self._held = self._held[end + 4 + length :]
            asyncio.get_running_loop().call_later(self._latency, self._answer)

    def _answer(self) -> None:
        assert self._transport is not None
        body = b'{"id": "%d"}' % next(_IDS)
        head = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        if not self._transport.is_closing():
            self._transport.write(head + body)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def _serve(latency: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Answering(latency), "127.0.0.1", 0)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
