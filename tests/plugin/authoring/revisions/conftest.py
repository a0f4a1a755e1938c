"""A deployment's folder as ``optout init`` lays it out, and the commands run on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from plugin.authoring.revisions.activate import activate
from plugin.cli.init import lay_out
from plugin.cli.main import main
from plugin.config.load import load_settings
from plugin.config.settings import Settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.ledger import Ledger
from plugin.ledger.schema import activations
from tests.plugin.ledger.conftest import either, ledger, url

__all__ = ["either", "ledger", "url"]
from tests.support.databases import migrate

MOMENT = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)


class Home:
    """The folder, its rules to edit, and its ledger."""

    def __init__(self, folder: Path) -> None:
        lay_out(folder)
        self.folder = folder
        self.rules = folder / "rules"
        self.settings: Settings = load_settings(folder, {}, secrets=False)
        self.ledger = Ledger(self.settings.ledger_url)
        self._activated = 0

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that stands in a rules file."""
        path = self.rules / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def say(self, phrase: str) -> None:
        """Change the coordinator's label: another revision, and nothing wrong with it."""
        path = self.rules / "roles.toml"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        first = next(number for number, line in enumerate(lines) if line.startswith("label"))
        lines[first] = f'label = "{phrase}"\n'
        path.write_text("".join(lines), encoding="utf-8")

    def activate(self, by: str = "иванова", reason: str = "так надо") -> str:
        """Make the rules folder active as it is, a minute after the last time; its revision."""
        migrate(self.ledger)
        with closing(Rulebook.load(self.rules)) as rulebook:
            at = MOMENT + timedelta(minutes=self._activated)
            activate(self.ledger, rulebook, at=at, by=by, reason=reason)
            self._activated += 1
            return rulebook.revision

    def activated(self) -> list[tuple[str, str, str]]:
        """Revision, by whom and why, in the order in which they became active."""
        if not self.ledger.exists():
            return []
        with self.ledger.read() as connection:
            rows = connection.execute(select(activations).order_by(activations.c.id))
            return [(row.revision, row.by, row.reason) for row in rows]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    yield home
    home.ledger.close()


@dataclass
class Said:
    """How a command ended."""

    status: int
    out: str
    err: str


#: Runs ``optout rules …`` on the home.
Rules = Callable[..., Said]


@pytest.fixture
def optout(home: Home, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def run(*arguments: str) -> Said:
        capsys.readouterr()
        status = main(["--config", str(home.folder), *arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Said(status, said.out, said.err)

    return run


@pytest.fixture
def rules(optout: Callable[..., Said]) -> Rules:
    return lambda *arguments: optout("rules", *arguments)
