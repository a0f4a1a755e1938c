"""The shipped rules, and a deployment with a copy of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.deciding.decision.compiled_rules import Rulebook
from tests.plugin.authoring.inspection.support import SHIPPED, home_with_rules


@pytest.fixture(scope="module")
def shipped() -> Iterator[Rulebook]:
    book = Rulebook.load(SHIPPED)
    yield book
    book.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return home_with_rules(tmp_path / "home")
