"""A dealership of its own for every test: a real ledger, a CRM in memory, a clock that tests move."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugin.delivery.fake_crm import Clock
from tests.plugin.delivery.harness import BreakableLedger, House
from tests.support.postgres import Databases


@pytest.fixture
def house(tmp_path: Path, sqlite_template: Path) -> Iterator[House]:
    """On SQLite."""
    path = tmp_path / "ledger.db"
    shutil.copy(sqlite_template, path)
    ledger = BreakableLedger(f"sqlite:///{path}")
    yield House(ledger)
    ledger.close()


@pytest.fixture
def either_house(ledger_url: str) -> Iterator[House]:
    """On each database in turn; where the server's clock counts, it is the one that tests move."""
    clock = Clock()
    ledger = BreakableLedger(ledger_url, clock=clock if ledger_url.startswith("postgresql") else None)
    yield House(ledger, clock)
    ledger.close()


@pytest.fixture
def postgres_house(postgres: Databases) -> Iterator[House]:
    """On PostgreSQL, whose clock it is that tests move."""
    clock = Clock()
    with postgres.database() as url:
        ledger = BreakableLedger(url, clock=clock)
        yield House(ledger, clock)
        ledger.close()
