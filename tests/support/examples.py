"""How many examples a property is tried on: all in the whole suite, fewer before each commit."""

from __future__ import annotations

import os

#: The part of the examples that is tried, above 0 and up to 1: `make check` sets it.
VARIABLE = "OPTOUT_TEST_EXAMPLES"
_FEWEST = 5


def examples(whole: int) -> int:
    """So many of ``whole`` examples, but a few at least."""
    return max(round(whole * float(os.environ.get(VARIABLE) or 1)), min(whole, _FEWEST))
