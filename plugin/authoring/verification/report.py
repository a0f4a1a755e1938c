"""What a check of the rules comes to: faults, warnings and what could not be proven, with the size of each script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from plugin.errors import Fault


@dataclass(frozen=True, slots=True)
class ScriptSize:
    """How large a script is. ``conversations`` is None where they could not all be counted."""

    name: str
    title: str
    questions: int
    rules: int
    outcomes: int
    conversations: int | None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What is wrong with some rules. Faults keep them from going live; warnings and what is unproven do not."""

    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    unproven: tuple[Fault, ...] = ()
    scripts: tuple[ScriptSize, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is no fault."""
        return not self.faults

    def with_fault(self, fault: Fault) -> CheckReport:
        """The same with one more fault."""
        return replace(self, faults=(*self.faults, fault))

    def of_script(self, name: str) -> CheckReport:
        """What concerns this script: its own folder, and the files that all scripts share."""

        def concerning(faults: Iterable[Fault]) -> tuple[Fault, ...]:
            return tuple(fault for fault in faults if "/" not in fault.file or fault.file.startswith(f"{name}/"))

        return CheckReport(
            concerning(self.faults),
            concerning(self.warnings),
            concerning(self.unproven),
            tuple(script for script in self.scripts if script.name == name),
        )

    def to_json(self) -> dict[str, Any]:
        """As plain JSON; ``from_json`` reads it back."""
        return {
            "ok": self.ok,
            "faults": [fault.to_json() for fault in self.faults],
            "warnings": [fault.to_json() for fault in self.warnings],
            "unproven": [fault.to_json() for fault in self.unproven],
            "scripts": [asdict(script) for script in self.scripts],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> CheckReport:
        """The report that ``to_json`` wrote."""

        def listed(name: str) -> tuple[Fault, ...]:
            return tuple(Fault(**fault) for fault in body[name])

        sizes = tuple(ScriptSize(**script) for script in body["scripts"])
        return cls(listed("faults"), listed("warnings"), listed("unproven"), sizes)
