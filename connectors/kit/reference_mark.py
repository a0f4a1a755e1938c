"""The reference mark in whatever is written: the means of finding it again in a CRM that keeps no key."""

from __future__ import annotations

from datetime import timedelta

#: What is older cannot have been written by a delivery that is still looked for.
LOOK_BACK = timedelta(days=31)
#: Hex digits of a delivery's key that stand in its text.
_DIGITS = 16


def mark(key: str) -> str:
    """The mark that a text written with this key carries, e.g. ``[ref:0123456789abcdef]``."""
    return f"[ref:{key[:_DIGITS]}]"


def carries(text: object, key: str) -> bool:
    """Whether this text of the CRM (anything else is none) carries the mark of this key.

    Only the digits count: a CRM may show the brackets in a way of its own, as markup.
    """
    return isinstance(text, str) and f"ref:{key[:_DIGITS]}" in text
