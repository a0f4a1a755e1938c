"""How ``optout doctor`` lays out what it found: English, at most 80 columns."""

from __future__ import annotations

import textwrap
from collections import Counter
from itertools import groupby

from plugin.doctor.points import Findings

WIDTH = 80


def page(found: Findings) -> str:
    """The points by area, what was left behind, and the sum."""
    lines: list[str] = []
    for area, points in groupby(found.points, key=lambda point: point.area):
        lines.append(area)
        for point in points:
            lines += _wrapped(f"{point.state:<6}  {point.name}", 2, 10)
            if point.remedy:
                lines += _wrapped(f"-> {point.remedy}", 10, 13)
    if found.left:
        lines += ["", "Left in the CRM, to be removed by hand:"]
        lines += [line for what in found.left for line in _wrapped(f"- {what}", 2, 4)]
    states = Counter(point.state for point in found.points)
    told = ", ".join(f"{states[state]} {state}" for state in ("ok", "warn", "failed", "not tried") if states[state])
    return "\n".join([*lines, "", told])


def _wrapped(text: str, first: int, next_: int) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=" " * first, subsequent_indent=" " * next_)
