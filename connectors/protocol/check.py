"""One point of the doctor's report on an account."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One point of ``check()``: what was tried, whether it holds, and the remedy if it does not."""

    name: str
    ok: bool
    remedy: str = ""
