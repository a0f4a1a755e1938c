"""What an examination comes to: points that hold or have failed, without a secret and without personal data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from plugin.common.log import mask_text

#: A shorter secret cannot be told from an ordinary word.
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Point:
    """One thing to be proven. ``remedy``: what to do where it has failed, or is only just good enough.

    Not ``tried``: it could not be, or only with ``--write``; then ``ok`` says nothing.
    """

    area: str
    name: str
    ok: bool
    remedy: str = ""
    tried: bool = True

    @property
    def state(self) -> str:
        """``ok``, ``warn``, ``failed`` or ``not tried``."""
        if not self.tried:
            return "not tried"
        return ("warn" if self.remedy else "ok") if self.ok else "failed"


@dataclass(frozen=True, slots=True)
class Findings:
    """All points in their order, and ``left``: what a trial could not take out of the CRM again, and where it is."""

    points: tuple[Point, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no point that was tried has failed."""
        return all(point.ok or not point.tried for point in self.points)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        points = [
            {"area": p.area, "name": p.name, "ok": p.ok, "state": p.state, "remedy": p.remedy} for p in self.points
        ]
        return {"ok": self.ok, "points": points, "left": list(self.left)}


@dataclass(slots=True)
class PointNotes:
    """Collects points as they are found; whatever a CRM or a server said is shown without ``secrets``."""

    secrets: Sequence[str] = ()
    points: list[Point] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def holds(self, area: str, name: str) -> None:
        """Note what holds."""
        self.add(Point(area, name, ok=True))

    def fails(self, area: str, name: str, remedy: str) -> None:
        """Note what has failed."""
        self.add(Point(area, name, ok=False, remedy=remedy))

    def warns(self, area: str, name: str, remedy: str) -> None:
        """Note what holds, but not for long or not well."""
        self.add(Point(area, name, ok=True, remedy=remedy))

    def leaves_out(self, area: str, name: str, remedy: str) -> None:
        """Note what is not tried, and how it can be."""
        self.add(Point(area, name, ok=False, remedy=remedy, tried=False))

    def add(self, point: Point) -> None:
        """Note a point."""
        self.points.append(replace(point, name=self._harmless(point.name), remedy=self._harmless(point.remedy)))

    def leave(self, what: str) -> None:
        """Note what a trial left behind."""
        self.left.append(self._harmless(what))

    def findings(self) -> Findings:
        """All so far."""
        return Findings(tuple(self.points), tuple(self.left))

    def _harmless(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return mask_text(" ".join(text.split()))


def secrets_in(*tables: Mapping[str, Any], more: Iterable[str | None] = ()) -> tuple[str, ...]:
    """Every text in these settings that may be secret, the longest first."""
    found = {text for table in tables for text in table.values() if isinstance(text, str)} | {*filter(None, more)}
    return tuple(sorted((text for text in found if len(text) >= _SHORTEST), key=len, reverse=True))
