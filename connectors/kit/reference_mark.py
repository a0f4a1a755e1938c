"""The reference mark ``[ref:…]``, the last line of every text: how a CRM that keeps no key is searched for the text."""

from __future__ import annotations

from datetime import timedelta

#: What is older cannot have been written by a delivery that is still looked for.
LOOK_BACK = timedelta(days=31)
#: How the line with the mark begins.
MARK_START = "[ref:"
#: Hex digits of a delivery's key in its mark.
_DIGITS = 16


def reference_mark(key: str) -> str:
    """The mark of a text written with this key, e.g. ``[ref:0123456789abcdef]``."""
    return f"{MARK_START}{key[:_DIGITS]}]"


def carries_mark(text: object, key: str) -> bool:
    """Whether this text of the CRM (anything else is none) carries the mark of this key.

    Only the digits count: a CRM may show the brackets in a way of its own, as markup.
    """
    return isinstance(text, str) and reference_mark(key).strip("[]") in text
