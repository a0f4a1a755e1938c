"""Decodes the bytes of files, pipes and bodies: UTF-8 and UTF-16, with or without a byte order mark.

What is neither is told by its place and by the encoding that it seems to have.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain

#: The mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: So many bytes are enough to recognise an encoding.
_SAMPLE = 4096
#: The upper halves of Latin and Cyrillic characters in UTF-16. No text in UTF-8 holds many of these control characters.
_UPPER_BYTES = b"\x00\x04"
_MOSTLY, _HARDLY = 0.7, 0.3

#: The letters of Russian text, each with a weight: the more frequent, the higher.
_WEIGHTS = {letter: rank for rank, letter in enumerate(reversed("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"), 1)}
_BETWEEN_LETTERS = frozenset("«»“”„’–—…№\u00a0")
#: Python's name, the name that people know, and how much likelier it is beforehand.
_RUSSIAN_ENCODINGS = (("cp1251", "windows-1251", 1.5), ("koi8_r", "KOI8-R", 1.0), ("cp866", "cp866", 1.0))
#: In the wrong one of two encodings small letters become capitals, and capitals small ones.
_SMALL_LETTERS_COUNT = 1.3
_NEARLY_ALL = 0.9


class NotText(ValueError):
    """Bytes that are no text in UTF-8 or UTF-16; ``str()`` says in English where and what they look like.

    ``line`` and ``column`` (in characters) are 1-based. ``encoding`` is what they were read as; ``guess`` what they
    seem to be instead, such as ``windows-1251``, None where nothing comes to mind. Never holds any of the bytes.
    """

    def __init__(self, encoding: str, line: int, column: int, guess: str | None) -> None:
        self.encoding = encoding
        self.line = line
        self.column = column
        self.guess = guess
        seems = f"; it looks like {guess}" if guess else ""
        super().__init__(f"not {encoding} at line {line}, column {column}{seems}")


def skip_bom(body: bytes) -> bytes:
    """The bytes behind a UTF-8 byte order mark, which a reader of JSON may ignore (RFC 8259, section 8.1)."""
    return body.removeprefix(codecs.BOM_UTF8)


def decode(data: bytes) -> str:
    """The text of a whole file or pipe, line ends as they are, without the byte order mark. Raises NotText.

    Understood are UTF-8, and UTF-16 and UTF-32 with their mark, as PowerShell writes them; UTF-16 without one is
    recognised where most of the text is Latin or Cyrillic.
    """
    encoding, mark = _recognised(data)
    try:
        return data[mark:].decode(encoding)
    except UnicodeDecodeError as error:
        fault = _not_text(data[mark:], error)
    # Raised out here, the error does not carry the other one along, which holds all of the data: that may be a secret.
    raise fault


def decoded_lines(chunks: Iterable[bytes]) -> Iterator[str | NotText]:
    """The lines of a binary file or pipe as they come in, without their line ends, each decoded for itself.

    ``chunks`` are what iterating over the file gives. A line that is no text comes as the error in its place, its
    ``line`` counted in the whole; the rest goes on. The encoding is recognised as by ``decode``.
    """
    iterator = iter(chunks)
    first = next(iterator, b"")
    encoding, mark = _recognised(first)
    for number, line in enumerate(_raw_lines(chain([first[mark:]], iterator), encoding), 1):
        try:
            yield line.decode(encoding).removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            yield _not_text(line, error, first_line=number)


# --- details ---------------------------------------------------------------------------------------


def _recognised(data: bytes) -> tuple[str, int]:
    """The encoding of these bytes and the length of their mark."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding, len(mark)
    sample = data[:_SAMPLE]
    even, odd = (_share_of_upper_bytes(sample[start::2]) for start in (0, 1))
    if odd >= _MOSTLY and even <= _HARDLY:
        return "utf-16-le", 0
    if even >= _MOSTLY and odd <= _HARDLY:
        return "utf-16-be", 0
    return "utf-8", 0


def _share_of_upper_bytes(data: bytes) -> float:
    return sum(map(data.count, _UPPER_BYTES)) / len(data) if data else 0.0


def _raw_lines(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The lines with their ends. In an encoding whose characters have several bytes a byte 0A need not be one."""
    line_end = "\n".encode(encoding)
    unit = len(line_end)
    buffer, searched = bytearray(), 0
    for chunk in chunks:
        buffer += chunk
        while (found := _aligned(buffer, line_end, searched)) >= 0:
            yield bytes(buffer[: found + unit])
            del buffer[: found + unit]
            searched = 0
        searched = len(buffer) - len(buffer) % unit
    if buffer:
        yield bytes(buffer)


def _aligned(buffer: bytearray, line_end: bytes, start: int) -> int:
    found = buffer.find(line_end, start)
    while found >= 0 and found % len(line_end):
        found = buffer.find(line_end, found + 1)
    return found


def _not_text(data: bytes, error: UnicodeDecodeError, first_line: int = 1) -> NotText:
    before = data[: error.start].decode(error.encoding, "replace")
    line = first_line + before.count("\n")
    column = len(before) - (before.rfind("\n") + 1) + 1
    return NotText(error.encoding.upper().removesuffix("-LE").removesuffix("-BE"), line, column, _guess(data, error))


def _guess(data: bytes, error: UnicodeDecodeError) -> str | None:
    """What bytes seem to be, judged by those that are not UTF-8."""
    if error.reason.startswith(("unexpected end", "truncated")) and not data[: error.start].isascii():
        return "text that was cut off"
    if error.encoding != "utf-8":
        return None
    if b"\x00" in data[:_SAMPLE]:
        return "a binary file"
    sample = data[error.start : error.start + _SAMPLE].decode("utf-8", "surrogateescape")
    odd = bytes(ord(character) - 0xDC00 for character in sample if "\udc80" <= character <= "\udcff")
    scores = {name: _likeness(odd.decode(codec, "replace")) * prior for codec, name, prior in _RUSSIAN_ENCODINGS}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > 0 else None


def _likeness(text: str) -> float:
    """How much this looks like Russian; 0.0 for what holds much else."""
    known = sum(letter.lower() in _WEIGHTS or letter in _BETWEEN_LETTERS for letter in text)
    if known < _NEARLY_ALL * len(text):
        return 0.0
    return sum(_WEIGHTS.get(letter.lower(), 0) * (_SMALL_LETTERS_COUNT if letter.islower() else 1.0) for letter in text)
