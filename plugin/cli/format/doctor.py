"""How ``optout doctor`` lays out what it found: English, at most 80 columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import groupby

from plugin.common.terminal import wrapped
from plugin.doctor.checks import DoctorReport

_WORDS: Mapping[bool | None, str] = {True: "ok", False: "failed", None: "not tried"}


def page(found: DoctorReport) -> str:
    """The checks by area, what was left behind, and the sum."""
    lines: list[str] = []
    for area, checks in groupby(found.checks, key=lambda check: check.area):
        lines.append(area)
        for check in checks:
            lines += wrapped(f"{_WORDS[check.ok]:<6}  {check.name}", 2, after=" " * 8)
            if check.remedy:
                lines += wrapped(f"-> {check.remedy}", 10, after="   ")
    if found.left:
        lines += ["", "Left in the CRM, to be removed by hand:"]
        lines += [line for what in found.left for line in wrapped(f"- {what}", 2, after="  ")]
    counts = Counter(check.ok for check in found.checks)
    told = ", ".join(f"{counts[ok]} {word}" for ok, word in _WORDS.items() if counts[ok] or ok)
    return "\n".join([*lines, "", told])
