"""Screenshots made small: a page of text has few colours, and a palette of them is a third of the size."""

from __future__ import annotations

import struct
import zlib
from collections import Counter

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST = 64


def small_png(shot: bytes) -> bytes:
    """The same picture with at most 64 colours. Takes what browsers make: 8 bits, RGB or RGBA, not interlaced."""
    width, height, size, data = _read(shot)
    pixels = _pixels(data, width, height, size)
    exact = Counter(pixels)
    kept = [colour for colour, _ in exact.most_common(_MOST)]
    nearest = {colour: number for number, colour in enumerate(kept)}
    for colour in exact:
        if colour not in nearest:
            nearest[colour] = min(range(len(kept)), key=lambda number: _apart(kept[number], colour))
    indexes = bytes(nearest[pixel] for pixel in pixels)
    rows = b"".join(b"\0" + indexes[at : at + width] for at in range(0, len(indexes), width))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = (b"IHDR", header), (b"PLTE", b"".join(kept)), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")
    return _SIGNATURE + b"".join(_chunk(name, body) for name, body in chunks)


def _read(shot: bytes) -> tuple[int, int, int, bytes]:
    assert shot.startswith(_SIGNATURE)
    at, data, head = len(_SIGNATURE), b"", b""
    while at < len(shot):
        length, name = struct.unpack(">I4s", shot[at : at + 8])
        body = shot[at + 8 : at + 8 + length]
        head, data = (body, data) if name == b"IHDR" else (head, data + body if name == b"IDAT" else data)
        at += length + 12
    width, height, depth, kind, *rest = struct.unpack(">IIBBBBB", head)
    assert (depth, kind in (2, 6), rest[2]) == (8, True, 0)
    return width, height, 3 if kind == 2 else 4, zlib.decompress(data)


def _pixels(data: bytes, width: int, height: int, size: int) -> list[bytes]:
    """The colours in their order, row after row."""
    stride = width * size
    above, found = bytearray(stride), []
    for row in range(height):
        begin = row * (stride + 1)
        line = _unfiltered(data[begin], bytearray(data[begin + 1 : begin + 1 + stride]), above, size)
        found += [bytes(line[at : at + 3]) for at in range(0, stride, size)]
        above = line
    return found


def _unfiltered(kind: int, line: bytearray, above: bytearray, size: int) -> bytearray:
    """A row as it was before its filter: none, left, above, mean or Paeth."""
    if kind == 2:
        return bytearray((one + other) & 255 for one, other in zip(line, above, strict=True))
    for at in range(len(line)) if kind else ():
        left = line[at - size] if at >= size else 0
        corner = above[at - size] if at >= size else 0
        guess = {1: left, 3: (left + above[at]) // 2}.get(kind)
        line[at] = (line[at] + (_paeth(left, above[at], corner) if guess is None else guess)) & 255
    return line


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))


def _apart(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
