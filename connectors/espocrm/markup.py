"""Texts made fit for EspoCRM's fields, so that a reader sees what was written and nobody is notified by it.

Posts and descriptions are shown as Markdown (``client/src/view-helper.js``), and ``@userName`` in a post notifies that
user (``Tools/Notification/NoteMentionHookProcessor.php``).
"""

from __future__ import annotations

import re

#: What Markdown gives a meaning anywhere in a line. A backslash before any of these is not shown.
_SPECIAL = re.compile(r"[\\`*_\[\]<>~|&]")
#: What it gives a meaning at the beginning of a line: headings, lists, lines below headings, indented code.
_LINE_START = re.compile(r"^([ \t]*)(#{1,6}(?=[ \t]|$)|[-+=](?=[-+= \t]|$)|\d{1,9}[.)](?=[ \t]|$))", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
#: What EspoCRM takes for a mention; the character that follows the @ is what counts.
_MENTION = re.compile(r"@(?=[A-Za-z0-9_@.-])")
#: Invisible and no part of a user name.
_WORD_JOINER = "\u2060"
#: Addresses are made clickable as they stand; a backslash in one would be part of it.
_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&+,;=%-]*[A-Za-z0-9/#=%]")
#: What follows an address up to the next space would be part of it too.
_TAIL = re.compile(r"\S*")
#: Invisible too, and to the browser a space.
_ADDRESS_ENDS = "\ufeff"
#: The pattern ``noBadCharacters`` of names refuses these (``metadata/app/regExpPatterns.json``).
_IN_NAMES = str.maketrans({"<": "‹", ">": "›", "=": "꞊"})
_LONGEST_NAME = 255


def literal(text: str) -> str:
    """The text for a field that is shown as Markdown, to be read there as it is."""
    parts, end = [], 0
    for address in _ADDRESS.finditer(text):
        parts += [_escaped(text[end : address.start()]), _MENTION.sub(f"@{_WORD_JOINER}", address.group())]
        end = address.end()
        tail = _TAIL.match(text, end)
        parts += [_ADDRESS_ENDS] if tail and _SPECIAL.search(tail.group()) else []
    return _at_line_starts("".join([*parts, _escaped(text[end:])]))


def name_line(text: str) -> str:
    """The text for a record's name: one line without what names must not hold."""
    line = " ".join(text.split()).translate(_IN_NAMES)
    return line if len(line) <= _LONGEST_NAME else line[: _LONGEST_NAME - 1] + "…"


def shown(field: str) -> str:
    """What a reader sees of a field written with ``literal``."""
    visible = field.replace(_WORD_JOINER, "").replace(_ADDRESS_ENDS, "").replace("\u00a0", " ")
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", visible)


def _escaped(text: str) -> str:
    return _MENTION.sub(f"@{_WORD_JOINER}", _SPECIAL.sub(r"\\\g<0>", text))


def _at_line_starts(text: str) -> str:
    # An indented line would be code; a space that is not to be broken keeps the indent without that.
    text = _INDENT.sub(lambda match: "\u00a0" * len(match.group().expandtabs(4)), text)
    return _LINE_START.sub(_escaped_start, text)


def _escaped_start(match: re.Match[str]) -> str:
    indent, sign = match.groups()
    return f"{indent}{sign[:-1]}\\{sign[-1]}" if sign[0].isdigit() else f"{indent}\\{sign}"
