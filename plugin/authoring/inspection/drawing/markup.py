"""HTML and SVG put together from elements: every text and attribute is escaped where it goes in, without exception."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

#: Characters that neither XML nor HTML may hold; a TOML text can.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
#: What HTML closes by itself and SVG may.
_EMPTY = frozenset({"meta", "br", "rect", "path", "circle", "line"})


class Markup(str):
    """Markup that is safe already: put together by ``tag`` or ``joined``, or written in a module of ours."""

    __slots__ = ()


def text(value: str) -> Markup:
    """The text, escaped for the inside of an element or of a quoted attribute."""
    return Markup(html.escape(_FORBIDDEN.sub("\ufffd", value), quote=True))


def tag(name: str, /, *children: str | None, **attributes: str | float | None) -> Markup:
    """An element. Children that are no ``Markup`` are escaped; None is left out, among attributes as well.

    Attributes are named with ``_`` for ``-``; one at the end is taken off (``class_``). Numbers lose needless digits.
    """
    spelt = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY:
        return Markup(f"<{name}{spelt}/>")
    return Markup(f"<{name}{spelt}>{joined(children)}</{name}>")


def joined(children: Iterable[str | None], between: str = "") -> Markup:
    """Several pieces one after another, those that are no ``Markup`` escaped, None left out."""
    parts = (child if isinstance(child, Markup) else text(child) for child in children if child is not None)
    return Markup(text(between).join(parts))


def lines(value: str) -> Markup:
    """A text whose line breaks are kept (HTML)."""
    return Markup("<br/>".join(text(line) for line in value.split("\n")))


def _attribute(value: str | float) -> str:
    return text(value) if isinstance(value, str) else f"{round(value, 1):g}"
