"""A dealership of its own for every test: a real SQLite ledger, a CRM in memory, a clock that tests move."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.ledger import Ledger
from tests.plugin.delivery.harness import BreakableLedger, House


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated ledger without rows; migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("ledger") / "empty.db"
    ledger = Ledger(f"sqlite:///{path}")
    ledger.upgrade()
    ledger.close()
    return path


@pytest.fixture
def house(tmp_path: Path, empty_ledger: Path) -> Iterator[House]:
    path = tmp_path / "ledger.db"
    shutil.copy(empty_ledger, path)
    ledger = BreakableLedger(f"sqlite:///{path}")
    yield House(ledger)
    ledger.close()
