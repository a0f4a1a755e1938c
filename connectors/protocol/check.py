"""One point of the doctor's report on an account."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One point of ``check()``: what was tried, whether it holds, and the remedy if it does not.

    ``tried`` is False where it could not be tried (now): then ``ok`` says nothing, and ``remedy`` how to try it.
    """

    name: str
    ok: bool
    remedy: str = ""
    tried: bool = True
