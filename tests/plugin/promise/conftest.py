"""A real ledger with an intake on it, for each test, on both databases; and deployments that commands act on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugin.events.support import Office, office_at, office_on
from tests.plugin.operations.conftest import firm

__all__ = ["firm", "lite", "office"]


@pytest.fixture
def office(ledger_url: str) -> Iterator[Office]:
    """An office on each database, whose own time is the office's."""
    with office_on(ledger_url) as made:
        made.ledger._clock = made.clock
        yield made


@pytest.fixture
def lite(tmp_path: Path, sqlite_template: Path) -> Iterator[Office]:
    """An office on SQLite alone, for what takes a day of a promise's time."""
    shutil.copy(sqlite_template, tmp_path / "ledger.db")
    with office_at(tmp_path) as made:
        yield made
