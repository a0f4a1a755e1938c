"""One point of the doctor's report on an account."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One point of ``check()``: what was tried, whether it holds, and the remedy if it does not.

    ``ok`` None: it could not be tried now, such as while the CRM throttles; that says nothing about the point itself.
    """

    name: str
    ok: bool | None
    remedy: str = ""
