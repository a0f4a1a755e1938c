"""How ``optout doctor`` lays out what it found: English, at most 80 columns."""

from __future__ import annotations

from itertools import groupby

from plugin.common.terminal import wrapped
from plugin.doctor.checks import DoctorReport


def page(found: DoctorReport) -> str:
    """The checks by area, what was left behind, and the sum."""
    lines: list[str] = []
    for area, checks in groupby(found.checks, key=lambda check: check.area):
        lines.append(area)
        for check in checks:
            lines += wrapped(f"{'ok' if check.ok else 'failed':<6}  {check.name}", 2, after=" " * 8)
            if not check.ok and check.remedy:
                lines += wrapped(f"-> {check.remedy}", 10, after="   ")
    if found.left:
        lines += ["", "Left in the CRM, to be removed by hand:"]
        lines += [line for what in found.left for line in wrapped(f"- {what}", 2, after="  ")]
    failed = sum(not check.ok for check in found.checks)
    held = len(found.checks) - failed
    return "\n".join([*lines, "", f"{held} ok, {failed} failed" if failed else f"{held} ok"])
