"""The Chromium of this machine, driven by Playwright, for what only a real browser can answer: one for the session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.playwright_driver import executable

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: The sandbox needs rights that containers withhold; nothing foreign is opened in it, and it asks for nothing itself.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where Chromium is."""
    return executable("Chromium", "chromium", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser(chromium_path: str, request: pytest.FixtureRequest) -> Iterator[Browser]:
    """The session's browser."""
    driver = request.getfixturevalue("driver")
    running = driver.chromium.launch(executable_path=chromium_path, headless=True, args=ARGUMENTS)
    yield running
    running.close()
