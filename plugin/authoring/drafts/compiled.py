"""Drafts compiled, to be tried out and held against the active rules: once for each state, after a check apart.

The check apart is for the engine, which rules can hang or kill. It is left out where a draft gives the engine nothing
that it has not compiled before: most edits are of phrases, people and terms, which the engine never sees.
"""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from plugin.authoring.drafts.checking import digest_of
from plugin.authoring.drafts.edits import DraftFiles
from plugin.authoring.revisions.export import write_files
from plugin.authoring.revisions.publish import load
from plugin.authoring.verification.cases import CaseResult, run_cases
from plugin.authoring.verification.isolated import check_isolated
from plugin.deciding.decision.compiled_rules import Decider, Rulebook
from plugin.deciding.decision.decider import engine_rules
from plugin.deciding.engine.network import EngineRule
from plugin.deciding.ruleset import Script, build, read_texts
from plugin.errors import RulesError

_KEPT = 6
#: What the engine has compiled, of so many scripts, is remembered.
_NETWORKS_KEPT = 64
_Network = tuple[EngineRule, ...]


@dataclass(frozen=True, slots=True)
class CompiledDraft:
    """A draft that may be tried out, with what became of its cases; callers do not close ``rulebook``."""

    rulebook: Rulebook
    cases: tuple[CaseResult, ...]

    @property
    def failed(self) -> tuple[CaseResult, ...]:
        """The cases that do not come out as they are written."""
        return tuple(one for one in self.cases if not one.ok)


class CompiledDrafts:
    """Compiles drafts and keeps the latest ones. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._compiling = threading.Lock()
        self._kept: OrderedDict[str, CompiledDraft] = OrderedDict()
        self._proven: OrderedDict[_Network, None] = OrderedDict()
        # Filled from wherever the last hold on a rulebook ends: an engine may not be freed in the middle of anything.
        self._out_of_use: deque[Decider] = deque()

    def of(self, files: DraftFiles, beside: Rulebook) -> CompiledDraft:
        """The draft with these files, in which no fault is known; ``beside``: rules that are compiled already.

        Raises RulesError with every fault that is found now, EngineError.
        """
        key = digest_of(files)
        found = self._known(key)
        if found:
            return found
        with self._compiling:
            return self._known(key) or self._keep(key, self._compiled(files, beside))

    def _compiled(self, files: DraftFiles, beside: Rulebook) -> CompiledDraft:
        self._remember(decider.script for decider in beside.scripts.values())
        content, sources, faults = read_texts(files)
        if faults:
            raise RulesError(faults)
        roles, scripts = build(content, sources)
        if all(_network(script) in self._proven for script in scripts.values()):
            rulebook = Rulebook(content, roles, scripts, {name: source.text for name, source in sources.items()})
        else:
            rulebook = _checked_apart(files)
            self._remember(scripts.values())
        try:
            return CompiledDraft(rulebook, run_cases(rulebook))
        except RulesError:
            rulebook.close()
            raise

    def _remember(self, scripts: Iterable[Script]) -> None:
        self._proven.update(dict.fromkeys(map(_network, scripts)))
        while len(self._proven) > _NETWORKS_KEPT:
            self._proven.popitem(last=False)

    def _keep(self, key: str, made: CompiledDraft) -> CompiledDraft:
        engines = tuple(made.rulebook.scripts.values())
        weakref.finalize(made.rulebook, self._out_of_use.extend, engines).atexit = False
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            while self._out_of_use:
                self._out_of_use.popleft().close()
        return made

    def _known(self, key: str) -> CompiledDraft | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)


def _network(script: Script) -> _Network:
    """All that the engine is given of a script."""
    return tuple(engine_rules(script))


def _checked_apart(files: DraftFiles) -> Rulebook:
    with tempfile.TemporaryDirectory(prefix="optout-draft-") as name:
        folder = Path(name)
        write_files(folder, files)
        report, revision = check_isolated(folder)
        if report.faults:
            raise RulesError(report.faults)
        return load(folder, revision)
