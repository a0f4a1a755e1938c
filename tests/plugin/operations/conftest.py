"""A deployment of its own for every test, on SQLite, or on each of the databases in turn."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugin.operations.harness import Firm


@pytest.fixture
def firm(tmp_path: Path, sqlite_template: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Firm]:
    """A deployment on SQLite."""
    shutil.copy(sqlite_template, tmp_path / "ledger.db")
    firm = Firm(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", capsys)
    yield firm
    firm.ledger.close()


@pytest.fixture
def either_firm(tmp_path: Path, ledger_url: str, capsys: pytest.CaptureFixture[str]) -> Iterator[Firm]:
    """A deployment, once on each database."""
    firm = Firm(tmp_path, ledger_url, capsys)
    yield firm
    firm.ledger.close()
