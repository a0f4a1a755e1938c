"""Cleans text where it comes in and mends it where it goes out; what was wrong is told by stable codes.

Nothing here raises for any ``str``, halves of surrogate pairs included, and all of it takes linear time.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from plugin.common.characters import UNSEEN
from plugin.common.text_cut import cut

# --- kinds of characters ---------------------------------------------------------------------------

_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_HALF = re.compile("[\ud800-\udfff]")
#: Code points that Unicode gives to no character, ever; XML takes no U+FFFE and U+FFFF.
_NONCHARACTER = re.compile(
    "[\ufdd0-\ufdef\ufffe\uffff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)
#: Ends of lines and pages as word processors (VT), printers (FF) and mainframes (NEL) write them.
_ODD_LINE_END = re.compile("[\x0b\x0c\x85]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_LINE_END = re.compile("\r\n?|[\u2028\u2029]")
_NO_PART_OF_A_LINE = re.compile("[\t\n\r\u2028\u2029]+")

#: What emoji are made of (Unicode emoji-data.txt, rounded to ranges). None of it changes under NFC.
_PICTOGRAPH = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u24c2"
    "\u25aa-\u25fe\u2600-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
#: Scripts from Arabic to Myanmar, Khmer and Mongolian, in which joiners are part of the spelling.
_JOINING = "\u0620-\u109f\u1780-\u18af"
_ANY_UNSEEN = re.compile(f"[{UNSEEN}]")
#: Matches what cannot be seen, and as ``meant`` where it belongs to something that can: a selector or joiner within an
#: emoji or a keycap, and a joiner between two letters of a joining script. Tags and anything else are never meant:
#: they can carry text that only machines read.
_INVISIBLE = re.compile(
    rf"(?P<meant>[0-9#*]\ufe0f\u20e3"
    rf"|[{_PICTOGRAPH}][\ufe0e\ufe0f]?(?:\u200d(?=[{_PICTOGRAPH}]))?"
    rf"|(?=\w)[{_JOINING}](?:(?!\w)(?![{UNSEEN}])[{_JOINING}\u0300-\u036f])*[\u200c\u200d](?=\w)(?=[{_JOINING}]))"
    rf"|[{UNSEEN}]"
)
#: Unicode UAX #15, section 13: no writing piles up more. Normalising takes quadratic time in the length of a pile.
_MOST_MARKS = 30
#: May be such a pile: marks are neither letters nor blanks. Looked at closely only where this matches.
_PERHAPS_A_PILE = re.compile(rf"[^\w\s\x00-\x7f]{{{_MOST_MARKS + 1},}}")


class TextFlaw(enum.StrEnum):
    """What was wrong with a text: a stable code, worth a warning since a reader might miss something."""

    HALF_CHARACTER = "half_character"
    NONCHARACTER = "noncharacter"
    CONTROL = "control_character"
    INVISIBLE = "invisible_character"
    PILED_MARKS = "piled_marks"
    TOO_LONG = "too_long"
    BLANK = "blank"


_IN_WORDS = {
    TextFlaw.HALF_CHARACTER: "half a character became U+FFFD",
    TextFlaw.NONCHARACTER: "a code point that is no character became U+FFFD",
    TextFlaw.CONTROL: "control characters or line ends became blanks",
    TextFlaw.INVISIBLE: "invisible characters were removed",
    TextFlaw.PILED_MARKS: f"of more than {_MOST_MARKS} marks on one letter the rest was removed",
    TextFlaw.TOO_LONG: "it was too long and is cut",
    TextFlaw.BLANK: "it is blank, which is the same as missing",
}


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A usable text and what was wrong with it, in the order of ``TextFlaw``.

    What changes nothing for a reader is not told: composed letters (NFC), kinds of line ends, blanks at both ends.
    """

    text: str
    what: tuple[TextFlaw, ...] = ()

    @property
    def or_none(self) -> str | None:
        """The text, None where nothing is left of it."""
        return self.text or None

    def in_words(self) -> str:
        """What was done about it, in English, for a warning; the field's name is the caller's to add."""
        return "; ".join(_IN_WORDS[flaw] for flaw in self.what)


# --- where text comes in ---------------------------------------------------------------------------


def clean(text: str, *, multiline: bool = False, limit: int | None = None) -> Cleaned:
    """Text that people wrote, fit to be kept, compared and shown; one line of it, or several.

    What ``mend`` does; and invisible and bidirectional characters are removed, except where an emoji or a script needs
    them; tabs and line ends become one blank, in ``multiline`` text line ends become ``\\n``; the result is in NFC
    without blanks at both ends and at most ``limit`` characters long, no combining sequence cut through. Blank text is
    ``""``. Cleaning twice changes nothing more.
    """
    work = _mended(text)
    if not work.text.isascii():
        _remove_invisible(work)
    work.text = work.text.strip()
    if multiline:
        work.replace(_LINE_END, "\n")
    else:
        work.replace(_NO_PART_OF_A_LINE, " ", TextFlaw.CONTROL)
    if not work.text.isascii():
        _compose(work)
    if limit is not None and len(work.text) > limit:
        work.text = cut(work.text, limit)
        work.flaws.add(TextFlaw.TOO_LONG)
    if not work.text:
        work.flaws.add(TextFlaw.BLANK)
    return work.done()


def invisible_in(text: str) -> Iterator[tuple[int, str]]:
    """Index and character of what ``clean`` would remove as invisible, for those who would rather refuse it."""
    return ((found.start(), found[0]) for found in _INVISIBLE.finditer(text) if found["meant"] is None)


# --- where text goes out, and what has to come back as it was --------------------------------------


def mend(text: str) -> Cleaned:
    """The text with what no UTF-8, XML, database or mail can hold replaced, and nothing else changed.

    Half a surrogate pair and code points that are no characters become U+FFFD, two halves side by side the character
    that they make; vertical tab, form feed and NEL become ``\\n``, other control characters blanks. Tab, ``\\n`` and
    ``\\r`` stay. Fit for ids, tokens and marks, which must come back as they were given.
    """
    return _mended(text).done()


def sendable(text: str) -> str:
    """The text of ``mend`` alone: what may go into JSON, a form, a mail's body, a log or a digest."""
    return _mended(text).text


def sendable_line(text: str) -> str:
    """The same on one line, each run of tabs and line ends as one blank: for headers of mails and requests."""
    return _NO_PART_OF_A_LINE.sub(" ", sendable(text))


def printable(text: str) -> str:
    """The text on one line for a terminal: each character that would act on it or hide is a blank."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


# --- details ---------------------------------------------------------------------------------------


class _Work:
    """A text that is being cleaned, and the flaws found so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.flaws: set[TextFlaw] = set()

    def replace(
        self, pattern: re.Pattern[str], by: str | Callable[[re.Match[str]], str], flaw: TextFlaw | None = None
    ) -> None:
        changed = pattern.sub(by, self.text)
        if flaw is not None and changed != self.text:
            self.flaws.add(flaw)
        self.text = changed

    def done(self) -> Cleaned:
        # Nearly all text has none, and to go through them takes longer than all the rest.
        return Cleaned(self.text, tuple(flaw for flaw in TextFlaw if flaw in self.flaws) if self.flaws else ())


def _mended(text: str) -> _Work:
    work = _Work(text)
    # What is replaced here is never printable, and nearly all text is: a check that is ten times as quick.
    if not text.replace("\n", "").isprintable():
        work.replace(_PAIR, _joined)
        work.replace(_HALF, "\ufffd", TextFlaw.HALF_CHARACTER)
        work.replace(_NONCHARACTER, "\ufffd", TextFlaw.NONCHARACTER)
        work.replace(_ODD_LINE_END, "\n")
        work.replace(_CONTROL, " ", TextFlaw.CONTROL)
    return work


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _remove_invisible(work: _Work) -> None:
    # Nearly all text holds nothing of it, and the plain class is quicker than the pattern that knows what is meant.
    if _ANY_UNSEEN.search(work.text):
        work.replace(_INVISIBLE, lambda found: found["meant"] or "", TextFlaw.INVISIBLE)


def _compose(work: _Work) -> None:
    work.replace(_PERHAPS_A_PILE, _thinned, TextFlaw.PILED_MARKS)
    work.text = unicodedata.normalize("NFC", work.text)
    # Some characters come apart in NFC, so that a pile may have grown.
    work.replace(_PERHAPS_A_PILE, _thinned, TextFlaw.PILED_MARKS)


def _thinned(found: re.Match[str]) -> str:
    kept, marks = [], 0
    for character in found[0]:
        is_mark = unicodedata.category(character)[0] == "M" or character in "\u200c\u200d"
        marks = marks + 1 if is_mark else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)
