"""The Firefox of this machine, driven by Playwright over WebDriver BiDi: one for the whole session."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from tests.support import firefox_relay
from tests.support.playwright_driver import executable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

#: It asks for nothing itself.
PREFERENCES: Mapping[str, str | float | bool] = {
    "app.update.auto": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.startup.page": 0,
    "browser.region.network.url": "",
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.push.connection.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "",
    "toolkit.telemetry.server": "",
}


@pytest.fixture(scope="session")
def firefox_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A command that starts Firefox behind the relay: Playwright takes one word."""
    words = [sys.executable, firefox_relay.__file__, executable("Firefox", "firefox-esr", "firefox-esr", "firefox")]
    command = tmp_path_factory.mktemp("firefox") / "firefox"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
    command.chmod(0o700)
    return command


def launched(
    driver: Playwright, path: Path, preferences: Mapping[str, str | float | bool] = MappingProxyType({})
) -> Browser:
    """A Firefox with these preferences besides the usual ones."""
    return driver.firefox.launch(
        executable_path=path,
        channel="moz-firefox",
        headless=True,
        firefox_user_prefs={**PREFERENCES, **preferences},
        timeout=120_000,
    )


@pytest.fixture(scope="session")
def firefox(firefox_path: Path, request: pytest.FixtureRequest) -> Iterator[Browser]:
    """The session's Firefox."""
    running = launched(request.getfixturevalue("driver"), firefox_path)
    yield running
    running.close()
