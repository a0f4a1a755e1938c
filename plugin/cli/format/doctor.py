"""How ``optout doctor`` lays out what it found: English, at most 80 columns."""

from __future__ import annotations

from itertools import groupby

from plugin.common.terminal import wrapped
from plugin.doctor.points import Findings


def page(found: Findings) -> str:
    """The points by area, what was left behind, and the sum."""
    lines: list[str] = []
    for area, points in groupby(found.points, key=lambda point: point.area):
        lines.append(area)
        for point in points:
            lines += wrapped(f"{'ok' if point.ok else 'failed':<6}  {point.name}", 2, after=" " * 8)
            if not point.ok and point.remedy:
                lines += wrapped(f"-> {point.remedy}", 10, after="   ")
    if found.left:
        lines += ["", "Left in the CRM, to be removed by hand:"]
        lines += [line for what in found.left for line in wrapped(f"- {what}", 2, after="  ")]
    failed = sum(not point.ok for point in found.points)
    held = len(found.points) - failed
    return "\n".join([*lines, "", f"{held} ok, {failed} failed" if failed else f"{held} ok"])
