"""Fixtures: the operator's page, and browsers that open it (``tests.support.chromium`` starts them)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext
from playwright.sync_api import Page as Tab

from plugin.config.load import load_settings
from plugin.config.settings import Settings
from tests.browser.call_centre import LAPTOP, CallCentre, Head, running_centre
from tests.browser.kept_site import RULES, KeptSite
from tests.browser.page_site import PATIENCE, Site
from tests.plugin.web.harness import ENVIRON, PLUGIN_TOML

#: Walks of many pages, each with several processes at work, which a machine with other work can cut short.
_LONG_WALKS = ("test_rules_tasks", "test_rules_drafts", "test_rules_two_admins", "test_rules_kept", "in_firefox")
_CUT_SHORT = r"Timeout \d+ms exceeded|Locator expected|has been closed|Navigation to .* is interrupted"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A long walk that was cut short is walked once more; the summary counts it as run again."""
    for item in items:
        if any(name in item.nodeid for name in _LONG_WALKS):
            item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=[_CUT_SHORT]))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
    return load_settings(tmp_path / "plugin.toml", ENVIRON)


@pytest.fixture
def rules_folder(tmp_path: Path) -> Path:
    shutil.copytree(RULES, tmp_path / "rules")
    return tmp_path / "rules"


@pytest.fixture
def ledger_file(tmp_path: Path, sqlite_template: Path) -> str:
    shutil.copy(sqlite_template, tmp_path / "ledger.db")
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture(scope="session")
def kept_site(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[KeptSite]:
    kept = KeptSite(tmp_path_factory.mktemp("site"), sqlite_template)
    yield kept
    kept.close()


@pytest.fixture(scope="session")
def call_centre(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[CallCentre]:
    with running_centre(tmp_path_factory.mktemp("centre"), sqlite_template) as centre:
        yield centre


@pytest.fixture
def centre(call_centre: CallCentre) -> CallCentre:
    """The console with the shipped rules and no drafts; one for all tests."""
    call_centre.anew()
    return call_centre


@pytest.fixture
def head(centre: CallCentre, open_context: Callable[..., BrowserContext]) -> Head:
    """The head of the call centre, signed in."""
    head = Head(open_context(viewport=LAPTOP).new_page(), centre)
    head.sign_in()
    return head


@pytest.fixture
def site(kept_site: KeptSite) -> Iterator[Site]:
    """The page with the shipped rules, an empty ledger and no CRM."""
    with kept_site.lent() as lent:
        yield lent


@pytest.fixture
def open_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browsers that know nothing of each other; their pages' faults fail the test."""
    made: list[BrowserContext] = []
    faults: list[str] = []

    def make(**options: Any) -> BrowserContext:
        options = {
            "viewport": {"width": 1280, "height": 800},
            "locale": "ru-RU",
            "timezone_id": "Europe/Moscow",
        } | options
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()
    assert faults == []


@pytest.fixture
def tab(open_context: Callable[..., BrowserContext]) -> Tab:
    """One tab of one browser."""
    return open_context().new_page()
