"""Ledgers in a SQLite file, and on each database in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.ledger import Ledger
from tests.support.databases import migrate
from tests.support.postgres import Databases


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where a SQLite file will be."""
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """A ledger in a SQLite file."""
    ledger = Ledger(url, busy_seconds=0.2)
    migrate(ledger)
    yield ledger
    ledger.close()


@pytest.fixture
def either(ledger_url: str) -> Iterator[Ledger]:
    """A ledger on each of the databases."""
    ledger = Ledger(ledger_url, busy_seconds=0.5)
    yield ledger
    ledger.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, url: str) -> Iterator[str]:
    """A database without anything in it, of each kind."""
    if request.param == "sqlite":
        yield url
        return
    databases: Databases = request.getfixturevalue("postgres")
    with databases.database(migrated=False) as empty:
        yield empty
