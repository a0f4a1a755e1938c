"""A pytest plugin: every case of a script folder's ``cases.toml`` is a test of its own, run by the folder's rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugin.authoring.verification.cases import Case, cases_of, run_case
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset.schema import CASES_FILE, ROLES_FILE
from plugin.errors import RulesError


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """``RULES/SCRIPT/cases.toml``: a file so named beside a script.toml, in a folder with roles.toml."""
    folder = file_path.parent
    if file_path.name == CASES_FILE and (folder / "script.toml").is_file() and (folder.parent / ROLES_FILE).is_file():
        return CasesFile.from_parent(parent, path=file_path)
    return None


class CasesFile(pytest.File):
    """One cases.toml; the rules are compiled while its cases run."""

    rulebook: Rulebook

    def collect(self) -> Iterator[CaseItem]:
        try:
            self.setup()
            cases = [case for case in cases_of(self.rulebook) if case.script == self.path.parent.name]
            self.teardown()
        except RulesError as error:
            raise self.CollectError(str(error)) from None
        for case in cases:
            yield CaseItem.from_parent(self, name=case.name, case=case)

    def setup(self) -> None:
        self.rulebook = Rulebook.load(self.path.parents[1])

    def teardown(self) -> None:
        self.rulebook.close()


class CaseDiffersError(Exception):
    """The rules do something else than the case expects."""


class CaseItem(pytest.Item):
    """One case."""

    def __init__(self, *, case: Case, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._case = case

    def runtest(self) -> None:
        assert isinstance(self.parent, CasesFile)
        book = self.parent.rulebook
        differences = run_case(book.script(self._case.script), self._case, book.roles).differences
        if differences:
            raise CaseDiffersError("\n".join([f"{self._case.place}: {self._case.name}", *differences]))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What differs, and no more."""
        if isinstance(excinfo.value, CaseDiffersError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, self._case.line - 1, self.name
