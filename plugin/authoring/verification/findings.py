"""Collects what a proof finds: faults, warnings and what is unproven, each with its place in the rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plugin.authoring.verification.report import CheckReport, ScriptSize
from plugin.common.toml.source import Place, TomlSource
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.faults import Faults
from plugin.deciding.ruleset.model import Question, Rule
from plugin.errors import Fault


class FaultNotes:
    """What was found so far. Without the files' texts (a stored revision) places have no lines."""

    def __init__(self, content: Mapping[str, Any], sources: Mapping[str, TomlSource] | None = None) -> None:
        self._sources = sources or {file: TomlSource(data, {}) for file, data in content.items()}
        self.faults = Faults(self._sources)
        self.warnings = Faults(self._sources)
        self.unproven = Faults(self._sources)

    def conversation(self, file: str, place: Place, said: str, what: str, hint: str) -> None:
        """Note a fault that the conversation ``said`` meets; ``place`` is where to look."""
        source = self._sources.get(file)
        line = source.line(place) if source else 0
        self.faults.add_ready(Fault(file, line, f"разговор «{said}»", what, hint))

    def not_proven(self, file: str, what: str, hint: str) -> None:
        """Note what is not known of the conversations as a whole."""
        self.unproven.add_ready(Fault(file, 0, "разговоры", what, hint))

    def report(self, scripts: tuple[ScriptSize, ...] = ()) -> CheckReport:
        """All that was noted."""
        return CheckReport(self.faults.found, self.warnings.found, self.unproven.found, scripts)


def placed(script: Script) -> Iterator[tuple[Place, Question | Rule]]:
    """Every question and rule with its place in the rules file."""
    for index, question in enumerate(script.questions):
        yield ("question", index), question
    for index, rule in enumerate(script.rules):
        yield ("rule", index), rule
