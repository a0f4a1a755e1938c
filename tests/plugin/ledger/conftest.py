from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.ledger import Ledger


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    ledger = Ledger(url, busy_seconds=0.2)
    ledger.upgrade()
    yield ledger
    ledger.close()
