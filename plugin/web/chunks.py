"""Reads a chunked body (RFC 9112, 7.1) in time linear in the bytes that come, and with a limit for every part of it."""

from __future__ import annotations

import re
from typing import Any

from waitress.utilities import BadRequest

#: The longest line of the framing: a chunk's size with its extensions. Also the longest trailer.
_LONGEST_LINE = 8 * 1024
#: Framing may take this many times the body's bytes, and so many bytes more.
_FRAMING_TIMES = 3
_FRAMING_MORE = 64 * 1024
#: As the web server's own reader has it: digits, then extensions that it does not look into.
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n\x00]*)?")
_LINE_END = b"\r\n"


class ChunkedBody:
    """Takes a body's chunks in and puts their bytes into ``buf``, in the web server's shape for such a reader.

    ``error`` says that the framing is wrong or out of proportion; then nothing more is to be given to it.
    """

    def __init__(self, buf: Any) -> None:
        self.buf = buf
        self.completed = False
        self.error: Any = None
        self._framing = 0
        self._chunk_left = 0
        self._line = bytearray()
        self._trailer: int | None = None
        self._at_chunk_end = False

    def __len__(self) -> int:
        return len(self.buf)

    def received(self, data: bytes) -> int:
        """Take in what came; how many bytes of it belong to this body."""
        position = 0
        while position < len(data) and not self.completed and self.error is None:
            if self._chunk_left:
                position += self._take_chunk(data, position)
            else:
                position += self._take_line(data, position)
        return position

    def getfile(self) -> Any:
        """The body as a file."""
        return self.buf.getfile()

    def getbuf(self) -> Any:
        """The buffer that holds it."""
        return self.buf

    # --- details ---------------------------------------------------------------------------------

    def _take_chunk(self, data: bytes, position: int) -> int:
        part = data[position : position + self._chunk_left]
        self.buf.append(part)
        self._chunk_left -= len(part)
        self._at_chunk_end = not self._chunk_left
        return len(part)

    def _take_line(self, data: bytes, position: int) -> int:
        """Add to the line at hand; a whole one is read. Only new bytes are searched for its end."""
        if self._line.endswith(b"\r") and data[position : position + 1] == b"\n":
            end = position + 1
        else:
            found = data.find(_LINE_END, position)
            end = len(data) if found < 0 else found + len(_LINE_END)
        self._line += data[position:end]
        self._framing += end - position
        if len(self._line) > _LONGEST_LINE:
            self.error = BadRequest("A line of the chunked encoding is too long")
        elif self._framing > _FRAMING_MORE + _FRAMING_TIMES * len(self.buf):
            self.error = BadRequest("The chunked encoding takes far more bytes than the body")
        elif self._line.endswith(_LINE_END):
            line = bytes(self._line[: -len(_LINE_END)])
            self._line.clear()
            self._read_line(line)
        return end - position

    def _read_line(self, line: bytes) -> None:
        if self._trailer is not None:
            self._trailer += len(line)
            self.completed = not line
            if self._trailer > _LONGEST_LINE:
                self.error = BadRequest("The trailer is too long")
        elif self._at_chunk_end:
            self._at_chunk_end = False
            if line:
                self.error = BadRequest("Chunk not properly terminated")
        elif (size := _SIZE.fullmatch(line)) is None:
            self.error = BadRequest("Invalid chunk size")
        else:
            self._chunk_left = int(size[1], 16)
            if not self._chunk_left:
                self._trailer = 0
