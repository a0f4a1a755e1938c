"""One revision of the rules folder: its roles and its scripts, compiled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset import Context, Role, Script, build, digest, read_folder
from plugin.errors import InputError

__all__ = ["Context", "Decider", "Role", "Rulebook"]


class Rulebook:
    """One revision of the rules folder: its roles and compiled scripts.

    ``files`` are the texts of its files, comments and all, by their names relative to the folder; empty for a stored
    revision whose texts were not kept or not asked for. They say nothing that ``content`` does not.
    """

    def __init__(
        self,
        content: Mapping[str, Any],
        roles: Mapping[str, Role],
        scripts: Mapping[str, Script],
        files: Mapping[str, str] | None = None,
    ) -> None:
        self.content: dict[str, Any] = dict(content)
        self.files: Mapping[str, str] = files or {}
        self.revision = digest(content)
        self.roles = roles
        self.scripts = {name: Decider(script, self.revision) for name, script in scripts.items()}

    @classmethod
    def load(cls, folder: Path) -> Rulebook:
        """Read, check and compile a rules folder. Raises RulesError with everything that is wrong with it.

        What this does not prove (every conversation ends in one outcome) is ``plugin.authoring.verification.proof``.
        """
        content, sources = read_folder(folder)
        files = {name: source.text for name, source in sources.items()}
        return cls(content, *build(content, sources), files)

    @classmethod
    def from_content(cls, content: Mapping[str, Any], files: Mapping[str, str] | None = None) -> Rulebook:
        """Compile a revision kept in the ledger. Raises RulesError."""
        return cls(content, *build(content), files)

    def script(self, name: str) -> Decider:
        """The script's decider. Raises InputError naming the scripts there are."""
        if name not in self.scripts:
            raise InputError(f"unknown script {name!r}", hint=f"Scripts: {', '.join(sorted(self.scripts))}")
        return self.scripts[name]

    def close(self) -> None:
        """Free the compiled rules; the rulebook cannot decide afterwards."""
        for decider in self.scripts.values():
            decider.close()
