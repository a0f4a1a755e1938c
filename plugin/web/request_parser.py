"""Reads a request within limits: every byte that a peer sends counts, and costs a bounded time.

What HTTP leaves open to two readings (RFC 9112, 6.1 and 6.3) is refused.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import BadRequest, RequestEntityTooLarge

from plugin.web.chunks import ChunkedBody
from plugin.web.limits import BodyLimits

_HEADER_END = b"\r\n\r\n"


class ExpectationFailed(BadRequest):  # type: ignore[misc]
    """``Expect`` asks for something else than 100-continue."""

    code = int(HTTPStatus.EXPECTATION_FAILED)
    reason = HTTPStatus.EXPECTATION_FAILED.phrase


class BoundedParser(HTTPRequestParser):  # type: ignore[misc]
    """waitress's reader of one request; a body over the limit of its path is read to its end, and not kept."""

    error: Any
    body_rcv: Any
    path: str
    limits = BodyLimits(0, 0)
    #: What the addresses begin with behind a proxy that leaves it in; ``path`` is without it.
    below = ""
    dropped = False

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self._head = bytearray()

    def received(self, data: bytes) -> int:
        """Take in what came; how many bytes of it belong to this request."""
        if self.completed:
            return 0
        return self._in_header(data) if self.body_rcv is None else self._in_body(data)

    def parse_header(self, header_plus: bytes) -> None:
        """Read the first line and the fields. Raises ParsingError for whatever cannot be read."""
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            # Of Python's own readers of addresses and numbers.
            raise ParsingError("Request line or header invalid") from error
        self.path = _without(self.below, self.path)
        has_encoding = self.chunked or "TRANSFER_ENCODING" in self.headers
        if has_encoding and (self.version != "1.1" or "CONTENT_LENGTH" in self.headers):
            raise ParsingError("Transfer-Encoding with Content-Length, or not in HTTP/1.1")
        if self.chunked:
            self.body_rcv = ChunkedBody(self.body_rcv.getbuf())
        if self.version == "1.1" and self.headers.get("EXPECT", "100-continue").lower() != "100-continue":
            self.error = ExpectationFailed("")
            self.body_rcv = None

    # --- details ---------------------------------------------------------------------------------

    def _in_header(self, data: bytes) -> int:
        """Collect the header, and look for its end in the new bytes only."""
        known = len(self._head)
        self._head += data
        end = self._head.find(_HEADER_END, max(0, known - len(_HEADER_END) + 1))
        if end < 0 and len(self._head) < self.adj.max_request_header_size:
            return len(data)
        whole = bytes(self._head)
        self._head.clear()
        taken: int = super().received(whole)
        self._drop_if_too_large()
        return taken - known

    def _in_body(self, data: bytes) -> int:
        taken: int = super().received(data)
        self._drop_if_too_large()
        if self.dropped and self.completed and self.error is None:
            self.error = RequestEntityTooLarge("")
        return taken

    def _drop_if_too_large(self) -> None:
        body = self.body_rcv
        if body is not None and not self.dropped and max(self.content_length, len(body)) > self.limits.at(self.path):
            self.dropped = True
            body.getbuf().close()
            body.buf = _Dropped()


def _without(below: str, path: str) -> str:
    """Some proxies take their path off and others leave it: both come to the same."""
    is_below = below and f"{path}/".startswith(f"{below}/")
    return (path.removeprefix(below) or "/") if is_below else path


class _Dropped:
    """A body's buffer that keeps nothing but the length."""

    def __init__(self) -> None:
        self._length = 0

    def append(self, data: bytes) -> None:
        self._length += len(data)

    def __len__(self) -> int:
        return self._length

    def close(self) -> None:
        """Nothing is held."""
