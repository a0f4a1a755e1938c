"""The report of an examination: what holds, failed or could not be tried, without secrets and personal data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from plugin.common.log import mask_text

#: A shorter secret cannot be told from an ordinary word.
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """One thing that was checked. ``ok`` None: it could not be tried now, which says nothing about it.

    ``remedy``: what to do; with a point that holds it is a remark.
    """

    area: str
    name: str
    ok: bool | None = True
    remedy: str = ""

    @property
    def state(self) -> str:
        """The answer in a word."""
        return "not_tried" if self.ok is None else "holds" if self.ok else "failed"


@dataclass(slots=True)
class DoctorReport:
    """All checks in their order; answers of a CRM or a server are shown without ``secrets``.

    ``left`` names what a trial could not remove from the CRM again, and where it is.
    """

    secrets: Sequence[str] = ()
    checks: list[DoctorCheck] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool | None:
        """Whether every check holds; None where none has failed and some could not be tried."""
        answers = {check.ok for check in self.checks}
        return False if False in answers else None if None in answers else True

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        points = [asdict(check) | {"state": check.state} for check in self.checks]
        return {"ok": self.ok, "points": points, "left": list(self.left)}

    def holds(self, area: str, name: str) -> None:
        """Add a check that holds."""
        self.add(DoctorCheck(area, name))

    def fails(self, area: str, name: str, remedy: str) -> None:
        """Add a check that has failed."""
        self.add(DoctorCheck(area, name, ok=False, remedy=remedy))

    def add(self, *checks: DoctorCheck) -> None:
        """Add checks."""
        self.checks += [
            replace(one, name=self._redacted(one.name), remedy=self._redacted(one.remedy)) for one in checks
        ]

    def leave(self, what: str) -> None:
        """Add what a trial left behind."""
        self.left.append(self._redacted(what))

    def _redacted(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return mask_text(" ".join(text.split()))


def secrets_in(*tables: Mapping[str, Any], more: Iterable[str | None] = ()) -> tuple[str, ...]:
    """Every text in these settings that may be secret, the longest first."""
    found = {text for table in tables for text in table.values() if isinstance(text, str)} | {*filter(None, more)}
    return tuple(sorted((text for text in found if len(text) >= _SHORTEST), key=len, reverse=True))


def fault_of(error: Exception) -> str:
    """What may be shown of an error that no connector should raise: its message may hold anything."""
    return f"a fault of the connector: {type(error).__name__}"
