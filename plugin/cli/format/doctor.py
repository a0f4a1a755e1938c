"""How ``optout doctor`` lays out what it found: English, at most 80 columns."""

from __future__ import annotations

import textwrap
from itertools import groupby

from plugin.doctor.checks import DoctorReport

WIDTH = 80


def page(found: DoctorReport) -> str:
    """The checks by area, what was left behind, and the sum."""
    lines: list[str] = []
    for area, checks in groupby(found.checks, key=lambda check: check.area):
        lines.append(area)
        for check in checks:
            lines += _wrapped(f"{'ok' if check.ok else 'failed':<6}  {check.name}", 2, 10)
            if not check.ok and check.remedy:
                lines += _wrapped(f"-> {check.remedy}", 10, 13)
    if found.left:
        lines += ["", "Left in the CRM, to be removed by hand:"]
        lines += [line for what in found.left for line in _wrapped(f"- {what}", 2, 4)]
    failed = sum(not check.ok for check in found.checks)
    held = len(found.checks) - failed
    return "\n".join([*lines, "", f"{held} ok, {failed} failed" if failed else f"{held} ok"])


def _wrapped(text: str, first: int, next_: int) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=" " * first, subsequent_indent=" " * next_)
