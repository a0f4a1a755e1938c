"""Collects what a proof finds: faults, warnings and what is unproven, each with its place in the rules.

A contradiction is a fault that the rules may accept: ``accepted = [{ fault = "…", why = "…" }]``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from plugin.authoring.verification.report import CheckReport, ScriptSize
from plugin.common.toml.source import Place, TomlSource
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.faults import Faults
from plugin.deciding.ruleset.model import Question, Rule
from plugin.deciding.ruleset.schema import ROLES_FILE
from plugin.errors import Fault


class FaultNotes:
    """What was found so far. Without the files' texts (a stored revision) places have no lines."""

    def __init__(self, content: Mapping[str, Any], sources: Mapping[str, TomlSource] | None = None) -> None:
        self._sources = sources or {file: TomlSource(data, {}) for file, data in content.items()}
        self.faults = Faults(self._sources)
        self.warnings = Faults(self._sources)
        self.unproven = Faults(self._sources)
        self._contradictions = Faults(self._sources)
        #: Of each file with ``accepted``: the contradictions that are meant.
        self._examined: set[str] = set()
        self._accepted = {file: _accepted(data) for file, data in content.items()}

    def conversation(self, file: str, place: Place, said: str, what: str, hint: str) -> None:
        """Note a fault that the conversation ``said`` meets; ``place`` is where to look."""
        source = self._sources.get(file)
        line = source.line(place) if source else 0
        self.faults.add_ready(Fault(file, line, f"разговор «{said}»", what, hint, place))

    def contradiction(self, file: str, place: Place, what: str, hint: str) -> None:
        """Note what contradicts itself: a fault unless ``accepted`` of the script or the roles says it is meant."""
        self._contradictions.add(file, place, what, f"{hint}; если так и задумано, внесите в accepted")

    def examined(self, file: str) -> None:
        """Everything that this file's ``accepted`` may be about has been looked at."""
        self._examined.add(file)

    def column(self, file: str, place: Place, character: str) -> int:
        """The 1-based column of this character in the text at a place; 0 where it is spelt as an escape."""
        source = self._sources.get(file)
        if source is None or not source.line(place):
            return 0
        lines = source.text.split("\n")[source.line(place) - 1 :]
        return next((line.index(character) + 1 for line in lines if character in line), 0)

    def not_proven(self, file: str, what: str, hint: str) -> None:
        """Note what is not known of the conversations as a whole."""
        self.unproven.add_ready(Fault(file, 0, "разговоры", what, hint))

    def report(self, scripts: tuple[ScriptSize, ...] = ()) -> CheckReport:
        """All that was noted."""
        meant, standing = self._told_apart()
        faults = sorted((*self.faults.found, *standing), key=lambda fault: (fault.file, fault.line))
        warnings = (*self.warnings.found, *self._outdated(meant))
        return CheckReport(tuple(faults), warnings, self.unproven.found, scripts)

    def _told_apart(self) -> tuple[set[tuple[str, str]], list[Fault]]:
        """What was accepted of the contradictions, by file and wording, and the contradictions that stay faults."""
        meant: set[tuple[str, str]] = set()
        standing = []
        for fault in self._contradictions.found:
            known = self._accepted.get(_accepting(fault.file), {})
            told = next((words for words in (fault.what, f"{fault.where}: {fault.what}") if words in known), None)
            if told is None:
                standing.append(fault)
            else:
                meant.add((_accepting(fault.file), told))
        return meant, standing

    def _outdated(self, meant: Collection[tuple[str, str]]) -> Iterator[Fault]:
        """What is accepted and is no fault any more."""
        noted = Faults(self._sources)
        for file in sorted(self._examined):
            for words, index in self._accepted.get(file, {}).items():
                if (file, words) not in meant:
                    what = f"принятой ошибки больше нет: «{words}»"
                    noted.add(file, ("accepted", index), what, "уберите её из accepted")
        yield from noted.found


def placed(script: Script) -> Iterator[tuple[Place, Question | Rule]]:
    """Every question and rule with its place in the rules file."""
    for index, question in enumerate(script.questions):
        yield ("question", index), question
    for index, rule in enumerate(script.rules):
        yield ("rule", index), rule


def _accepting(file: str) -> str:
    """The file that may accept a contradiction of this one: the roles' own, or the script's."""
    return f"{file.split('/', maxsplit=1)[0]}/script.toml" if "/" in file else ROLES_FILE


def _accepted(data: Any) -> dict[str, int]:
    """The wordings that a file accepts, each with its place in the list."""
    listed = data.get("accepted", ()) if isinstance(data, Mapping) else ()
    listed = listed if isinstance(listed, list) else ()
    return {one["fault"]: index for index, one in enumerate(listed) if isinstance(one, Mapping) and "fault" in one}
