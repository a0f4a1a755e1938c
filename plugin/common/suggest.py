"""Suggests the known name that a misspelt one is most like."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like this one; None where none is near."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)
