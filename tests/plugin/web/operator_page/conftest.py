"""The operator's page as it is served: the whole application on a free port, and browsers without a screen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.config.settings import Settings
from tests.browser.page_site import Site, running_site

RULES = Path(__file__).parents[4] / "rules"


@pytest.fixture
def site(settings: Settings, tmp_path: Path, sqlite_template: Path) -> Iterator[Site]:
    shutil.copytree(RULES, tmp_path / "rules")
    shutil.copy(sqlite_template, tmp_path / "own.db")
    with running_site(settings, tmp_path / "rules", f"sqlite:///{tmp_path / 'own.db'}") as running:
        yield running
